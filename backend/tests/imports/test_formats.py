"""Three formats of the same month give the same samples; each bad line has its number."""

import json
from datetime import date
from itertools import pairwise

import pytest

from cobenefit_backend.errors import InputError
from cobenefit_backend.imports import formats
from cobenefit_backend.imports.formats import Format
from cobenefit_backend.imports.records import Draft, Target
from cobenefit_backend.imports.screen import screen

NOW_MS = 1_800_000_000_000
MARCH = date(2024, 3, 1), date(2024, 4, 1)
"""With the day of 23 hours."""


def _samples(content, target, form=None):
    form = form or formats.guess(content)
    found = formats.read(content, form, target, NOW_MS)
    samples, refused = screen(found.drafts, target.quantity, target.timezone, NOW_MS)
    return samples, sorted([*found.refused, *refused])


def test_our_csv_and_the_load_curve_say_the_same(target, half_hours, csv_bytes, enedis_bytes):
    rows = half_hours(*MARCH)
    assert len(rows) == 31 * 48 - 2
    ours, curve = csv_bytes(rows), enedis_bytes(rows)
    assert (formats.guess(ours), formats.guess(curve)) == (Format.CSV, Format.ENEDIS)
    samples, refused = _samples(ours, target)
    assert refused == []
    assert _samples(curve, target) == (samples, [])
    assert [sample.value for sample in samples] == [power / 2 for _, power in rows]


def test_the_french_dialect_reads_as_the_other(target):
    plain = "start,end,offset,value,unit\n2024-01-02T00:00,2024-01-02T01:00,+01:00,1.25,kWh\n"
    french = "start;end;offset;value;unit\n2024-01-02T00:00;2024-01-02T01:00;+01:00;1,25;kWh\n"
    samples, refused = _samples(plain.encode(), target)
    assert refused == []
    assert [sample.value for sample in samples] == [1250.0]
    assert _samples(french.encode("utf-8-sig"), target) == (samples, [])


def test_the_hour_that_comes_twice_comes_twice(target):
    times = ["02:00", "02:30", "02:00", "02:30", "03:00"]
    lines = ["Identifiant PRM;Unité;Horodate;Valeur;Pas"]
    lines += [f"0;W;2024-10-27 {at}:00;600;PT30M" for at in times]
    samples, refused = _samples("\n".join(lines).encode("cp1252"), target)
    assert refused == []
    steps = {b.start_ms - a.start_ms for a, b in pairwise(samples)}
    assert (len(samples), steps) == (5, {1_800_000})


def test_the_hour_that_is_skipped_is_refused(target):
    content = b"start,end,value,unit\n2024-03-31T02:10,2024-03-31T03:40,1,kWh\n"
    assert _samples(content, target)[1][0][:2] == (2, "import_unreadable")


def test_the_layout_with_start_and_end(target):
    text = (
        "Début;Fin;Valeur (en kW)\n02/03/2023 00:00:00;02/03/2023 00:30:00;4,030\n"
        "02/03/2023 00:30:00;02/03/2023 01:00:00;\n"
    )
    samples, refused = _samples(text.encode(), target)
    assert refused == []
    assert [sample.value for sample in samples] == pytest.approx([2015.0], rel=1e-12)


def test_a_line_without_a_value_is_a_gap(target):
    lines = ["Horodate;Valeur", "2024-01-01T00:30:00+01:00;500", "2024-01-01T01:00:00+01:00;",
             "2024-01-01T01:30:00+01:00;500", "2024-01-01T02:00:00+01:00;500"]  # fmt: skip
    samples, refused = _samples("\n".join(lines).encode(), target)
    assert (len(samples), refused) == (3, [])


def test_senml_takes_the_records_of_the_channel():
    target = Target("town", "school", "air_temperature_degc", "Europe/Paris")
    pack = [
        {"bn": "urn:dev:x/", "bt": 1.7e9, "bu": "Cel", "n": "air_temperature_degc", "v": 4.5},
        {"n": "relative_humidity_ratio", "u": "/", "v": 0.5},
        {"n": "air_temperature_degc", "t": 600, "v": 5.5},
    ]
    samples, refused = _samples(json.dumps(pack).encode(), target)
    assert [(s.start_ms, s.end_ms, s.value) for s in samples] == [
        (1_700_000_000_000, 1_700_000_000_000, 4.5), (1_700_000_600_000, 1_700_000_600_000, 5.5),
    ]  # fmt: skip
    assert [refusal[:2] for refusal in refused] == [(2, "import_other_series")]


@pytest.mark.parametrize(
    ("content", "form", "says"),
    [
        (b"a,b\n1,2\n", Format.CSV, "no column"),
        (b"a;b\n1;2\n", Format.ENEDIS, "no Enedis load curve"),
        (b"{}", Format.SENML, "no SenML"),
        (b"[", Format.SENML, "no JSON"),
        (b"start,value,unit\n2024-01-01T00:00Z,5,W\n", Format.CSV, "needs a start and an end"),
        (b"Horodate;Unite;Valeur\n2024-01-01T00:30:00Z;l;5\n", Format.ENEDIS, "unit 'l'"),
    ],
)
def test_what_is_no_such_file_says_so(target, content, form, says):
    with pytest.raises(InputError, match=says):
        _samples(content, target, form)


def test_every_refused_line_has_its_number_and_reason(target):
    lines = [
        "start,end,value,unit",
        "2024-01-01T00:00+01:00,2024-01-01T00:30+01:00,100,W",
        "2024-01-01T00:00+01:00,2024-01-01T00:30+01:00,100,W",
        "2024-01-01T01:00+01:00,2024-01-01T00:30+01:00,100,W",
        "2024-01-01T01:00+01:00,2024-01-01T01:30+01:00,-5,W",
        "2024-01-01T02:00+01:00,2024-01-01T02:30+01:00,1e9,kW",
        "2024-01-01T03:00+01:00,2024-01-01T03:30+01:00,nan,W",
        "2024-01-01T04:00+01:00,2024-01-01T04:30+01:00,x,W",
        "2024-01-01T05:00+01:00,2024-01-01T05:30+01:00,1,W",
        "2024-01-01T05:00+01:00,2024-01-01T05:30+01:00,2,W",
        "2024-01-01T23:30+01:00,2024-01-02T00:30+01:00,2,W",
        "2034-01-01T05:00+01:00,2034-01-01T05:30+01:00,2,W",
    ]
    samples, refused = _samples("\n".join(lines).encode(), target)
    assert [sample.value for sample in samples] == [50.0]
    assert [refusal[:2] for refusal in refused] == [
        (3, "import_duplicate"), (4, "import_backward"), (5, "import_negative"),
        (6, "import_absurd"), (7, "import_not_finite"), (8, "import_unreadable"),
        (9, "import_overlap"), (10, "import_overlap"), (11, "import_midnight"),
        (12, "import_future"),
    ]  # fmt: skip


def test_an_index_that_falls_is_refused_until_the_next_confirms_it(target):
    values = [100, 150, 20, 160, 30, 40, 50]
    drafts = [Draft(n + 1, n * 600_000, n * 600_000, v, "Wh") for n, v in enumerate(values)]
    samples, refused = screen(drafts, target.quantity, target.timezone, NOW_MS)
    assert [sample.value for sample in samples] == [100, 150, 160, 40, 50]
    assert [refusal[:2] for refusal in refused] == [
        (3, "import_backward"), (5, "import_backward"),
    ]  # fmt: skip
