import pytest

from cobenefit_gateway.config import load
from cobenefit_gateway.floods import Floods


@pytest.fixture
def floods(tmp_path):
    file = tmp_path / "g.toml"
    file.write_text('tenant = "t"\n[[node]]\ndevice = "radar*"\nflood_per_s = 100.0\n')
    return Floods(load(file))


def sent(floods, device, per_s, at_s, lasting_s=10):
    floods.count([f"cb/v1/s/{device}/up/power_active_w"] * round(per_s * lasting_s))
    return floods.look(at_s)


def test_a_device_at_a_hundred_times_the_usual_is_found_and_the_others_are_not(floods):
    floods.look(0.0)
    for at_s in range(10, 60, 10):
        floods.count([f"cb/v1/s/d{n}/up/x" for n in range(100)] * 10)  # one a second each
        found = sent(floods, "bad", 100, at_s)
    assert found == {("s", "bad"): 100.0}


def test_a_backlog_is_no_flood(floods):
    floods.look(0.0)
    assert sent(floods, "d", 290, 10.0) == {}
    assert sent(floods, "d", 1, 20.0) == {}


def test_a_flood_ends_when_half_of_it_has_drained(floods):
    floods.look(0.0)
    assert sent(floods, "d", 1000, 10.0)
    assert sent(floods, "d", 0, 20.0)  # what it was ahead is bounded, so it is forgiven in time
    assert sent(floods, "d", 0, 20.0 + 460.0) == {}


def test_what_a_rule_allows_is_no_flood_and_a_first_look_has_no_past(floods):
    assert sent(floods, "d", 290, 10.0) == {}
    for at_s in range(20, 400, 10):
        assert sent(floods, "radar-1", 99, float(at_s)) == {}


def test_foreign_and_countless_topics_cost_nothing(floods, monkeypatch):
    monkeypatch.setattr("cobenefit_gateway.floods._MOST_TOPICS", 10)
    floods.look(0.0)
    for n in range(20):
        floods.count([f"application/{n}/device/x/event/up"] * 9999)
    assert floods.look(10.0) == {}
