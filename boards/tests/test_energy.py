"""Projections against figures worked out by hand, and what they refuse."""

import json

import pytest

from cobenefit_boards import Battery, BoardError, load
from cobenefit_boards.energy import (
    Duty,
    claim_of,
    costs,
    duty_of,
    project,
    sensors_of,
    usable_j,
)
from cobenefit_cli.app import main
from cobenefit_node import config as node_config

MODBUS = {"driver": "modbus", "uart": 2, "period_ms": 900_000}
CONFIG = {
    "board": "esp32_generic",
    "broker": {"host": "b"},
    "pack_readings": 1,
    "sensors": [MODBUS],
}


def duty(config=CONFIG, board="firebeetle_esp32", **change):
    options = {"mode": "duty", "link": "wifi", "tls": False, "claim_years": 5.0}
    options["battery"] = Battery("aa_alkaline", 3)
    return project(load(board), sensors_of(config), **(options | change))


def test_96_wifi_sends_a_day_cost_eight_and_a_half_cells_in_five_years():
    found = duty()
    assert found.sends_per_day == 96
    cells = found.j_per_day["sends"] * 365.25 * 5 / usable_j("aa_alkaline")
    # 96 x 0.543 J x 1826.25 days / 11,250 J
    assert cells == pytest.approx(8.46, abs=0.01)


def test_a_devkit_asleep_costs_far_more_than_its_messages():
    found = duty(board="esp32_generic")
    # 9 mA at 5 V all day, but for 96 readings of half a second.
    assert found.j_per_day["asleep"] == pytest.approx(0.045 * (86_400 - 48))
    assert found.j_per_day["asleep"] > 70 * found.j_per_day["sends"]
    assert found.life_years < 0.05


def test_awake_is_the_boards_mean_power_and_nothing_else():
    found = duty(board="esp32_generic", mode="awake")
    assert found.j_per_day == {"awake": pytest.approx(0.255 * 86_400)}
    assert found.life_years == pytest.approx(3 * 11_250 / 22_032 / 365.25)


def test_packs_of_more_readings_send_less_and_are_cut_by_their_age():
    sixty = CONFIG | {"pack_readings": 60, "pack_age_ms": 86_400_000}
    assert duty(sixty).sends_per_day == pytest.approx(1.6)
    # Read at 0, 15, 30, 45 and 60 min: the fifth finds the first an hour old.
    assert duty(CONFIG | {"pack_readings": 60}).sends_per_day == pytest.approx(96 / 5)


def test_sensors_of_one_rhythm_share_a_send_and_others_add():
    other = MODBUS | {"period_ms": 3_600_000}
    assert duty(CONFIG | {"sensors": [MODBUS, MODBUS]}).sends_per_day == 96
    assert duty(CONFIG | {"sensors": [MODBUS, other]}).sends_per_day == 120


def test_espnow_is_a_fourteenth_of_wifi_and_a_handshake_doubles_it():
    ratio = duty().j_per_day["sends"] / duty(link="espnow").j_per_day["sends"]
    assert ratio == pytest.approx(14.3, abs=0.1)
    safe = duty(tls=True)
    assert safe.j_per_day["handshakes"] == pytest.approx(48)
    assert any("handshake" in text for text in safe.assumptions)
    assert duty().assumptions == ()


def test_the_parts_are_the_total_and_life_and_cells_agree():
    found = duty(tls=True)
    assert found.total_j_per_day == pytest.approx(sum(found.j_per_day.values()))
    assert found.life_years * found.cells_per_claim == pytest.approx(3 * 5)


@pytest.mark.parametrize(
    ("sensor", "board", "word"),
    [
        ({"driver": "ld2451", "period_ms": 1000}, "firebeetle_esp32", "can't sleep.*vehicle"),
        ({"driver": "tfluna", "period_ms": 1000}, "firebeetle_esp32", "can't sleep.*vehicle"),
        ({"driver": "pulse", "period_ms": 1000}, "firebeetle_esp32", "can't sleep.*deep sleep"),
        (MODBUS, "rpi_pico_w", "rp2040"),
        (MODBUS, "esp32_generic_c3", r"power_mw\.active.*nobody published"),
        (MODBUS | {"period_ms": 400}, "firebeetle_esp32", "never sleeps"),
    ],
)
def test_what_is_not_known_or_cannot_sleep_is_refused(sensor, board, word):
    with pytest.raises(BoardError, match=word):
        duty(CONFIG | {"sensors": [sensor]}, board)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sensors": []}, "sensors: give"),
        ({"sensors": [{"period_ms": 5}]}, r"sensors\.0\.driver"),
        ({"sensors": [{"driver": "tic", "period_ms": 0}]}, r"sensors\.0\.period_ms: is 0"),
        ({"pack_readings": "many"}, "pack_readings: is 'many'"),
        ({"sleep": 5}, "sleep: give"),
        ({"sleep": {"wakes_per_send": -1}}, r"sleep\.wakes_per_send: is -1"),
        ({"lifetime_claim_years": 0}, "lifetime_claim_years: is 0"),
    ],
)
def test_a_wrong_configuration_is_refused_by_key(change, word):
    with pytest.raises(BoardError, match=rf"config\.json: {word}"):
        (sensors_of(CONFIG | change), duty_of(CONFIG | change), claim_of(CONFIG | change))


def test_those_refused_here_are_those_the_node_refuses():
    assert set(costs()["always_awake"]) == set(node_config._BLIND)


def test_a_node_sends_when_its_wakes_say_so_or_a_pack_is_full():
    sixty = CONFIG | {"pack_readings": 60, "pack_age_ms": 86_400_000}
    often = duty(sixty, duty=Duty(wakes_per_send=4))
    assert (often.wakes_per_day, often.sends_per_day) == (96, 24)
    rarely = duty(sixty, duty=Duty(wakes_per_send=1000))
    assert rarely.sends_per_day == pytest.approx(1.6)


def test_the_power_asleep_is_the_nodes_own_where_it_was_measured():
    found = duty(duty=Duty(asleep_mw=1.0))
    assert found.j_per_day["asleep"] == pytest.approx(1e-3 * (86_400 - 48))


def test_every_figure_has_its_source():
    rows = [costs()[key] for key in ("tls", "wake", "filesystem")]
    for group in ("link", "read", "cell", "always_awake"):
        rows += costs()[group].values()
    assert len(rows) > 10
    assert all(len(row["source"]) > 10 for row in rows)


def run(tmp_path, capsys, *options, config=CONFIG):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(SystemExit) as stop:
        main(["node", "energy", str(path), *options])
    return stop.value.code or 0, capsys.readouterr()


def test_a_claim_that_does_not_hold_is_refused(tmp_path, capsys):
    code, shown = run(tmp_path, capsys, "--mode", "duty", "--board", "firebeetle_esp32", "--json")
    assert code == 2
    assert json.loads(shown.out)["holds"] is False
    assert "the claim is 5 years" in shown.err
    code, shown = run(
        tmp_path, capsys, "--mode", "duty", "--board", "firebeetle_esp32", "--claim", "1"
    )
    assert code == 0
    assert "3 x aa_alkaline" in shown.out


def test_the_configurations_own_claim_and_sleep_are_what_is_judged(tmp_path, capsys):
    config = CONFIG | {"board": "firebeetle_esp32", "sleep": {}, "lifetime_claim_years": 3}
    code, shown = run(tmp_path, capsys, config=config)
    assert code == 2
    assert "the claim is 3 years" in shown.err
    assert "goes into `sends`: send less often (pack_readings" in shown.err
    assert "96 wakes and 96 sends a day" in shown.out
    packs = config | {"pack_readings": 60, "pack_age_ms": 43_200_000}
    code, shown = run(tmp_path, capsys, config=packs)
    assert code == 0, shown.err
    assert "100.0%" in shown.out
    awake = {key: value for key, value in packs.items() if key != "sleep"}
    code, shown = run(tmp_path, capsys, config=awake)
    assert code == 2
    assert "let it sleep" in shown.err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["node", "energy", "--help"])
    assert not stop.value.code
    assert "cobenefit node energy config.json --mode duty" in capsys.readouterr().out


def test_the_link_pays_for_tls_where_it_is_configured(tmp_path, capsys):
    config = CONFIG | {"broker": {"host": "b", "tls": {}}}
    options = ("--mode", "duty", "--board", "firebeetle_esp32", "--battery", "aa_alkaline:99")
    code, shown = run(tmp_path, capsys, *options, config=config)
    assert code == 0
    assert "handshakes" in shown.out
    assert "assumed: tls" in shown.out
    code, shown = run(tmp_path, capsys, *options, "--link", "espnow", config=config)
    assert "handshakes" not in shown.out


def test_mains_has_no_life(tmp_path, capsys):
    code, shown = run(tmp_path, capsys, "--battery", "mains")
    assert code == 0
    # 0.255 W for a year
    assert "2.235 kWh a year" in shown.out


@pytest.mark.parametrize("text", ["aa_alkaline", "aa_alkaline:0", "aa_alkaline:x", "potato:3"])
def test_a_battery_that_is_none_is_refused(tmp_path, capsys, text):
    code, shown = run(tmp_path, capsys, "--battery", text)
    assert code == 2
    assert "battery" in shown.err


def test_a_file_that_is_no_configuration_is_refused(tmp_path, capsys):
    for text in ("{", "[]"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(SystemExit) as stop:
            main(["node", "energy", str(tmp_path / "bad.json")])
        assert stop.value.code == 2
        assert "bad.json" in capsys.readouterr().err


def test_boards_are_listed_and_shown_with_sources(capsys):
    for words, expected in (["list"], "firebeetle_esp32"), (["show", "unix"], '"sources"'):
        with pytest.raises(SystemExit) as stop:
            main(["boards", *words])
        assert not stop.value.code
        assert expected in capsys.readouterr().out
