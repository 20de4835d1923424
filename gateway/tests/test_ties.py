"""Readings of one series at the same instant, in messages of different kinds."""

import itertools

import pytest

from cobenefit_gateway.journal import Record

NOW_MS = 1_700_000_000_000
START_MS = 1_600_041_600_000
#: A single reading, one for the general path (an update time), another single one.
FORMS = ('{"v":70,%s}', '{"v":40,"ut":0,%s}', '{"v":50,%s}')


@pytest.mark.parametrize(
    ("channel", "unit"), [("power_active_w", "W"), ("energy_import_wh", "Wh")]
)
def test_their_order_in_a_batch_does_not_show(pipeline, tmp_path, channel, unit):
    kind, found = type(pipeline()), set()
    for number, order in enumerate(itertools.permutations(range(4))):
        folder = tmp_path / str(number)
        folder.mkdir()
        gateway = kind(folder)
        rest = f'"n":"{channel}","u":"{unit}","t":{START_MS // 1000}'
        records = [
            Record("cb/v1/s/d/senml", f"[{form % rest}]".encode(), NOW_MS) for form in FORMS
        ]
        records.append(gateway.pack(0, START_MS, [60], channel))
        gateway.take(*(records[i] for i in order))
        gateway.checkpoint(flush=True)
        (row,) = gateway.rows().values()
        found.add(tuple(row[name] for name in ("first", "last", "delta", "count", "flagged")))
        gateway.store.close()
    assert found == {(40.0, 70.0, 30.0 if unit == "Wh" else None, 4, 0)}
