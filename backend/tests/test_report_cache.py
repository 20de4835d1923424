"""A page does not wait for long figures, but never shows those of who has withdrawn consent."""

import threading

import pytest

from cobenefit_backend import report_cache


@pytest.fixture
def slow(municipality, monkeypatch):
    """The cache of a municipality whose next report takes as long as the test wants."""
    cache = municipality.app.state.reports
    first = cache.get("demo")
    go, build = threading.Event(), report_cache.build
    monkeypatch.setattr(report_cache, "PATIENCE_S", 0.05)

    def held(*args, **options):
        assert go.wait(60)
        return build(*args, **options)

    monkeypatch.setattr(report_cache, "build", held)
    yield cache, first, go
    go.set()


def _change(municipality, study_document):
    study_document["names"]["en"] = "Renamed"
    assert municipality.post("/v1/studies", json=study_document).status_code == 202


def test_the_last_report_is_shown_while_the_next_is_computed(slow, municipality, study_document):
    cache, first, go = slow
    _change(municipality, study_document)
    assert cache.shown("demo") is first
    assert cache.shown("demo") is first  # and no second computation waits behind it
    go.set()
    assert cache.get("demo").names["en"] == "Renamed"
    assert cache.shown("demo").names["en"] == "Renamed"


def test_after_a_consent_nobody_is_shown_the_last_report(slow, municipality):
    cache, first, go = slow
    row = {"site": "town", "device": "school", "purpose": "savings", "action": "grant", "t_ms": 0,
           "evidence": "form 1"}  # fmt: skip
    body = {"tenant": "demo", "rows": [row]}
    assert municipality.post("/v1/consents", json=body).status_code < 300
    threading.Timer(0.5, go.set).start()
    assert cache.shown("demo") is not first


def test_a_tenant_without_a_study_is_told_so_every_time(client):
    for _ in range(2):
        assert client.get("/report").status_code == 404
