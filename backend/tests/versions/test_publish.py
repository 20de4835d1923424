"""When a version is published, and that it stays what it was whatever comes after."""

import asyncio
import json
import logging
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest

from cobenefit_backend.errors import RequestError
from cobenefit_backend.report import render
from cobenefit_backend.versions import archive
from cobenefit_backend.versions.clock import publish_all, publishing
from cobenefit_backend.versions.desk import Desk
from cobenefit_backend.versions.publish import publish, publish_due


def _ms(day):
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def _published(versions, report, **values):
    given = {"who": "A. Martin", "why": "council", "status": "draft", "now_ms": 0, **values}
    return publish(versions, report, **given)


def _later(report, number=1):
    return replace(report, generated_from={**report.generated_from, "data_sha256": str(number)})


def test_the_same_is_published_once_unless_asked(versions, small):
    assert _published(versions, small)["number"] == 1
    with pytest.raises(RequestError, match="409 unchanged: nothing changed since version 1"):
        _published(versions, small)
    assert _published(versions, small, anyway=True)["number"] == 2
    assert _published(versions, small, status="validated")["number"] == 3
    with pytest.raises(RequestError, match="unchanged"):
        _published(versions, small, status="draft")


@pytest.mark.parametrize("why", ["", " ", "x" * 501])
def test_who_publishes_says_why(versions, small, why):
    with pytest.raises(RequestError, match="422 why"):
        _published(versions, small, why=why)
    assert versions.latest("demo") is None


def test_a_version_holds_every_file_and_names_what_it_was_made_from(versions, small):
    row = _published(versions, small)
    assert row["factor_sha256"] == small.generated_from["factor_set"]["sha256"]
    assert row["method_version"] == small.generated_from["method_version"] != ""
    packed = versions.archive("demo", 1)
    assert archive.file_of(packed, "report.json") == render.json_file(small).encode()
    assert 'hreflang="fr"' in archive.file_of(packed, "report.en.html").decode()
    assert archive.file_of(packed, "results.fr.csv").startswith(b"\xef\xbb\xbfstudy;use_case")
    with pytest.raises(RequestError, match="404 file"):
        archive.file_of(packed, "report.exe")


def test_another_schema_is_served_and_not_compared(versions, small):
    old = BytesIO()
    with zipfile.ZipFile(old, "w") as packed:
        packed.writestr("report.json", json.dumps({"schema_version": 0}))
    row = _published(versions, small)
    versions.add("demo", row, old.getvalue(), "test")
    desk = Desk(versions._database, lambda _: small, "demo")
    with pytest.raises(RequestError, match="409 schema: version 2 was written in schema 0; this"):
        desk.compared(1, 2)
    assert archive.file_of(versions.archive("demo", 2), "report.json") == b'{"schema_version": 0}'


def test_what_is_due_is_published_once_and_a_missed_date_made_good_once(versions, small):
    reports = [small]

    def due(day):
        row = publish_due(versions, "demo", lambda _: reports[0], "monthly", _ms(day))
        return row and (row["number"], row["due"], row["who"])

    assert due("2026-08-20") == (1, "2026-08-01", "schedule")
    assert due("2026-08-31") is None
    reports[0] = _later(small)
    # September and October were missed: one version makes up for both.
    assert due("2026-11-03T00:00") == (2, "2026-11-01", "schedule")
    assert due("2026-11-04") is None
    # Nothing changed until December; what changes after its first day waits for January.
    assert due("2026-12-01") is None
    reports[0] = _later(small, 2)
    assert due("2026-12-24") is None
    assert due("2027-01-01") == (3, "2027-01-01", "schedule")


def test_one_tenant_that_fails_keeps_no_other_back(store, versions, small, caplog):
    for tenant in ("broken", "demo"):
        store.put_study(tenant, b"{}", 0)

    def report_of(tenant):
        if tenant == "broken":
            raise RequestError(404, "study", "no such study")
        return small

    with caplog.at_level(logging.ERROR):
        assert publish_all(store, report_of, "yearly") == 1
    assert "the report of broken was due" in caplog.text
    assert publish_all(store, report_of, "yearly") == 0


def test_a_server_publishes_by_itself_and_stops_with_it(store, versions, small):
    store.put_study("demo", b"{}", 0)
    asked = []

    def report_of(tenant):
        asked.append(tenant)
        return small

    async def serve():
        async with publishing(store, report_of, "monthly", period_s=0.01):
            async with asyncio.timeout(60):
                while not versions.latest("demo"):  # noqa: ASYNC110  the database tells nobody
                    await asyncio.sleep(0.01)
        async with publishing(store, report_of, ""):
            return len(asyncio.all_tasks())

    assert asyncio.run(serve()) == 1
    assert asked == ["demo"]
    assert versions.latest("demo")["who"] == "schedule"
