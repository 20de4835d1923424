"""A board boots, says so, ends when its world does, and refuses a wrong configuration."""

import json

import pytest

from cobenefit_hil.plugin import INSTANTS

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]


def births(station):
    return [state.boot for state in station.states if state.online]


def test_birth_and_goodbye_are_retained(board, ack_station):
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert ack_station.wait(lambda: not ack_station.states[-1].online, 60)
    first, last = ack_station.states[0], ack_station.states[-1]
    assert (first.online, first.board) == (True, "unix")
    assert (last.online, last.boot) == (False, first.boot)


@pytest.mark.needs("power")
def test_a_power_cut_leaves_the_will_and_the_next_boot_counts_on(board, peer, ack_station):
    peer.held_at = INSTANTS // 2
    board.boot()
    assert ack_station.wait(lambda: bool(ack_station.packs), 60), board.console()
    board.power_cut()
    assert ack_station.wait(lambda: not ack_station.states[-1].online, 60)
    peer.held_at = None
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert ack_station.wait(lambda: not ack_station.states[-1].online, 60)
    board.boot()  # with nothing left in its ring that would tell the last boot's number
    assert board.wait(100) == 0, board.console()
    assert ack_station.wait(lambda: len(births(ack_station)) == 3, 60)
    first, second, third = births(ack_station)
    assert (second, third) == (first + 1, first + 2)


def test_a_wrong_configuration_is_refused_before_any_connection(board, node_config, ack_station):
    del node_config["broker"]["host"]
    board.flash(node_config)
    board.boot()
    assert board.wait(100) == 2
    assert "config.json: broker.host is None; allowed: a text that is not empty" in board.console()
    assert not ack_station.states


def test_a_broken_configuration_file_is_named(board):
    board.file("config.json").write_text(json.dumps({"site": "x"})[:-2])
    board.boot()
    assert board.wait(100) == 2
    assert "config.json: (file) is" in board.console()


def test_the_watchdog_ends_a_board_that_hangs(board, tmp_path):
    (tmp_path / "board" / "hang.py").write_text(
        "import machine, time\nmachine.WDT(timeout=1000)\nwhile True:\n    time.sleep(1)\n"
    )
    board.boot(script=board.file("hang.py"))
    assert board.wait(100) == -9
