"""The public page: off, the same answer for nobody; on, sums that name nobody and stay put."""

import json

import pytest
from sqlalchemy import event

from cobenefit_backend import erasure, study
from cobenefit_backend.contributions import parts_of
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.publication import rounded, rounding_base

NOBODY = {"Authorization": ""}
SECRETS = ("secret", "paper 17")


def _get(client, path, **headers):
    return client.get(path, headers={**NOBODY, **headers})


def _verdicts(answer):
    assert answer.status_code == 200, answer.text
    return {cell["use_case"]: cell["verdict"] for cell in answer.json()["cells"]}


@pytest.fixture
def statements(client):
    """What the database was asked, filled as it is asked."""
    asked = []
    engine = client.app.state.engine

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_a_page_that_is_off_and_nobodys_are_one(town, statements):
    for path in ("/public/{}", "/v1/public/{}"):
        found = []
        for tenant in ("demo", "nobody"):
            statements.clear()
            answer = _get(town, path.format(tenant))
            found.append((answer.status_code, answer.content, answer.headers, list(statements)))
        assert found[0] == found[1]
        assert found[0][0] == 404


def test_the_page_shows_sums_and_names_nobody(town, act):
    assert act("release").status_code == 409, "it is off"
    act("on")
    assert _get(town, "/public/demo").status_code == 404, "on, and nothing released yet"
    assert _verdicts(act("release")) == {"": "shown", "smart_meter": "shown"}
    shown = _get(town, "/v1/public/demo").json()
    total = shown["cells"][0]
    net = total["net_kgco2e"]
    assert net["low"] <= net["central"] <= net["high"]
    assert all(value % shown["rounded_to_kgco2e"] == 0 for value in net.values())
    assert shown["min_contributors"] == 10
    for language, words in (("en", "Net benefit"), ("fr", "Bénéfice net")):
        answer = _get(town, f"/public/demo?lang={language}")
        assert answer.status_code == 200
        assert words in answer.text
        assert "≥ 10" in answer.text
        assert "<script" not in answer.text
        for text in (answer.text, _get(town, "/v1/public/demo").text):
            assert not any(secret in text for secret in SECRETS)
    act("off")
    assert _get(town, "/public/demo").status_code == 404


@pytest.mark.parametrize("kind", ["postgresql"])
def test_one_home_less_is_not_shown_beside_what_was(town, act, consent):
    act("on")
    act("release")
    before = _get(town, "/v1/public/demo").json()
    assert _verdicts(act("preview")) == {"": "shown", "smart_meter": "shown"}
    consent("revoke", device="secret-m3", purposes=["publication"], t_ms=1)
    assert _verdicts(act("release")) == {"": "comparable", "smart_meter": "comparable"}
    after = _get(town, "/v1/public/demo")
    assert [cell["shown"] for cell in after.json()["cells"]] == [False, False]
    assert "comparable" not in after.text, "why is for the officer only"
    assert before["cells"][0]["shown"]
    assert "Not shown" in _get(town, "/public/demo?lang=en").text


def test_fewer_than_ten_who_agree_are_not_shown(town, act, consent):
    for n in range(3):
        consent("revoke", device=f"secret-m{n}", purposes=["publication"], t_ms=1)
    act("on")
    assert set(_verdicts(act("release")).values()) == {"few"}


def test_one_who_uses_most_of_it_is_not_shown(town_of, act):
    town_of(largest=2_000_000)
    act("on")
    assert set(_verdicts(act("release")).values()) == {"dominated"}


def test_a_meter_with_few_of_its_days_hides_nobody(town):
    store = town.app.state.store
    document = study.parse(store.study("demo"))
    cases = town.app.state.reports.get("demo").cases
    whole = {part.contributor for part in parts_of(store, document, cases)}
    with store.database.writing("demo") as connection:
        connection.exec_driver_sql(
            "DELETE FROM rollup WHERE start_ms > 1706745600000 AND series_id IN "
            "(SELECT id FROM series WHERE device IN ('secret-m0', 'secret-m1', 'secret-m2'))"
        )
    parts = parts_of(store, document, cases)
    assert len(whole) == len(parts) == 12
    assert len({part.contributor for part in parts}) == 10, "nine homes, and the three as one"


def test_a_report_open_to_all_closes_when_it_measures_homes(town):
    town.app.state.guard._public = "demo"
    assert _get(town, "/").status_code == 303
    assert _get(town, "/v1/report").status_code == 401


def test_a_report_reads_only_who_agreed(town, consent):
    (case,) = town.get("/v1/report").json()["use_cases"]
    full = case["gross_kgco2e"]["central"]
    consent("revoke", device="secret-m3", purposes=["savings"], t_ms=1)
    (case,) = town.get("/v1/report").json()["use_cases"]
    records = {each["code"]: each["data"] for each in case["disqualifications"]}
    assert records["no_consent"] == {"meters": "1"}
    assert 0.85 * full < case["gross_kgco2e"]["central"] < 0.98 * full
    consent("revoke", purposes=["savings"], t_ms=2)
    (case,) = town.get("/v1/report").json()["use_cases"]
    assert case["gross_kgco2e"] is None or case["evidence_class"] == "N"


def test_figures_are_rounded_outwards():
    net = Interval(-1234.0, 56_789.0, 98_765.0)
    base = rounding_base([net])
    assert base == 1000
    assert rounded(net, base) == {"low": -2000, "central": 57_000, "high": 99_000}
    assert rounding_base([]) == 1.0
    assert rounding_base([Interval(0.1, 0.2, 0.3)]) == 1.0


def test_an_erased_home_leaves_the_ledger_as_strict_as_before(town, act):
    act("on")
    act("release")
    database = town.app.state.store.database
    before = database.rows("demo", "SELECT members FROM {publication}")[0]["members"]
    erasure.erase(database, erasure.Subject("demo", "secret-site", "secret-m3"), 1, "test")
    after = database.rows("demo", "SELECT members FROM {publication}")[0]["members"]
    assert len(set(json.loads(before)[0]) - set(json.loads(after)[0])) == 1
    assert set(_verdicts(act("release")).values()) <= {"comparable", "few"}
