"""The limiter lets a minute's worth pass, refills, and never grows without bound."""

import dataclasses

import pytest

from cobenefit_backend.access import limits
from cobenefit_backend.access.guard import Guard
from cobenefit_backend.access.limits import Limiter


def test_a_minute_of_requests_then_one_at_a_time():
    limiter = Limiter(60)
    assert [limiter.take("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert limiter.take("a", 0.0) == pytest.approx(1.0)
    assert limiter.take("b", 0.0) == 0.0
    assert limiter.take("a", 1.0) == 0.0
    assert limiter.take("a", 1.5) == pytest.approx(0.5)


def test_callers_are_bounded_and_the_busy_ones_stay(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CALLERS", 3)
    limiter = Limiter(1)
    limiter.take("busy", 0.0)
    for number in range(10):
        limiter.take(f"passing-{number}", 0.0)
        assert limiter.take("busy", 0.0) > 0
    assert len(limiter._buckets) <= 3


def test_who_asks_too_often_is_told_when_to_come_back(client):
    client.app.state.guard = Guard(client.app.state.guard.credentials, "", 2)
    answers = [client.get("/v1/audit") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30


def test_guessing_is_slowed_down(client):
    client.app.state.guard._failures = Limiter(1)
    headers = {"Authorization": "Bearer cbk_guess"}
    codes = [client.get("/v1/audit", headers=headers).status_code for _ in range(2)]
    assert codes == [401, 429]


def test_the_limit_is_configured(config):
    from cobenefit_backend.app import create_app

    app = create_app(dataclasses.replace(config, requests_per_minute=1))
    assert app.state.guard._requests._size == 1
    app.state.engine.dispose()
