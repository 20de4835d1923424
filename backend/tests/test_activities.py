"""Activities are checked row by row; all are stored, or none with every fault named."""

import msgspec
import pytest

from cobenefit_backend.activities import COLUMNS, KNOWN, MAX_ERRORS, check, problems, read_csv
from cobenefit_backend.bodies import ActivityRow
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.remote_health import MODES

GOOD = {
    "id": "a1", "site": "farm", "use_case": "soil", "date": "2024-04-03", "place": "strip 1",
    "quantity": "nitrogen", "amount": 140.0, "unit": "kg/ha", "arm": "advised",
    "evidence": "invoice 12", "author": "clerk",
}  # fmt: skip


def written(path, *rows, head=COLUMNS):
    lines = [",".join(head), *(",".join(str(row[name]) for name in head) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"use_case": "magic"}, "use_case 'magic': use soil"),
        ({"quantity": "potash"}, "quantity 'potash': soil has nitrogen, yield"),
        ({"unit": "kg"}, "unit 'kg': nitrogen is in kg/ha"),
        ({"amount": -1.0}, "amount -1: 0 to 1000 kg/ha"),
        ({"amount": float("nan")}, "amount nan"),
        ({"author": " "}, "author is empty"),
        ({"evidence": ""}, "evidence is empty"),
        ({"date": "2024-02-30"}, "no such day"),
        ({"use_case": "remote_health", "quantity": "consultation", "unit": "km", "arm": "sled"},
         "arm 'sled': one of"),
    ],
)  # fmt: skip
def test_each_fault_is_named(change, fault):
    assert problems(GOOD) == []
    assert any(text.startswith(fault) or fault in text for text in problems({**GOOD, **change}))


def test_every_use_case_that_is_logged_has_quantities():
    assert set(KNOWN) == {
        "soil", "remote_health", "remote_assistance", "industry", "surveillance", "climate_event",
        "maintenance",
    }  # fmt: skip
    assert set(MODES) <= set(KNOWN["remote_health"]["consultation"].arms)


def test_an_id_given_twice_would_hide_a_row():
    rows = [msgspec.convert(GOOD, ActivityRow)] * 2
    assert check(rows) == ["row 2: id 'a1' is given twice"]


def test_a_csv_names_every_wrong_line(tmp_path):
    rows = [GOOD, {**GOOD, "id": "a2", "unit": "lb"}, {**GOOD, "id": "a3", "amount": "much"}]
    with pytest.raises(InputError) as refused:
        read_csv(written(tmp_path / "n.csv", *rows), "demo")
    text = str(refused.value)
    assert "n.csv: nothing is stored, 2 faults" in text
    assert "line 3: unit 'lb'" in text
    assert "line 4: " in text
    assert "amount" in text


def test_faults_are_counted_beyond_the_first(tmp_path):
    rows = [{**GOOD, "id": f"a{n}", "unit": "lb"} for n in range(MAX_ERRORS + 5)]
    with pytest.raises(InputError, match="and 5 more"):
        read_csv(written(tmp_path / "n.csv", *rows), "demo")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,site\n", "line 1: columns must be id,site,use_case"),
        (",".join(COLUMNS) + "\na,b\n", "line 2: a row has 11 cells"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, text, fault):
    path = tmp_path / "n.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=fault):
        read_csv(path, "demo")


def test_columns_may_come_in_any_order(tmp_path):
    body = read_csv(written(tmp_path / "n.csv", GOOD, head=COLUMNS[::-1]), "demo")
    assert [msgspec.structs.asdict(row) for row in body.rows] == [GOOD]


def test_the_route_refuses_what_nobody_would_read(client):
    wrong = {"tenant": "demo", "rows": [{**GOOD, "unit": "lb"}]}
    answer = client.post("/v1/activities", json=wrong)
    assert answer.status_code == 422
    assert "row 1: unit 'lb'" in answer.json()["detail"]
    assert client.app.state.store.activities("demo") == []
    assert client.post("/v1/activities", json={**wrong, "rows": [GOOD]}).status_code == 202
