"""A broker that goes away, comes back without memory, or acknowledges what nobody stored."""

import pytest

from cobenefit_hil.plugin import INSTANTS

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]


def failed(board):
    """Return how often the board has lost its link, or got none."""
    return board.console().count("link: ") - board.console().count("link: connected")


def test_nothing_is_lost_when_the_broker_restarts(board, broker, peer, ack_station):
    peer.held_at = INSTANTS // 2
    board.boot()
    assert ack_station.wait(lambda: len(ack_station.packs) > 20, 60), board.console()
    broker.kill()
    assert ack_station.wait(lambda: failed(board) > 1, 60), board.console()
    peer.held_at = None
    broker.start()
    assert board.wait(100) == 0, board.console()
    assert len(ack_station.readings()) == 2 * INSTANTS
    assert ack_station.missing() == []
    assert ack_station.errors == []
    assert ack_station.last_health().reconnects >= 1


def test_a_board_that_starts_before_its_broker_catches_up(board, broker, ack_station):
    broker.kill()
    board.boot()
    assert ack_station.wait(lambda: failed(board) > 1, 60), board.console()
    broker.start()
    assert board.wait(100) == 0, board.console()
    assert len(ack_station.readings()) == 2 * INSTANTS


def test_what_only_the_broker_acknowledged_is_published_again(board, ack_station):
    ack_station.acking.clear()
    board.boot()
    twice = lambda: max(ack_station.arrivals.values(), default=0) >= 2  # noqa: E731
    assert ack_station.wait(twice, 60), board.console()
    assert board.poll() is None
    ack_station.acking.set()
    assert board.wait(100) == 0, board.console()
    assert len(ack_station.readings()) == 2 * INSTANTS
    assert ack_station.missing() == []
