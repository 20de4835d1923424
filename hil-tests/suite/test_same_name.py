"""Two boards under one name, and one whose flash was erased: nobody's packs pass for another's."""

import shutil
from contextlib import ExitStack

import pytest

from cobenefit_hil.plugin import INSTANTS
from cobenefit_hil.station import AckStation
from cobenefit_hil.trial import Trial, served

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]
TWINS = 200


@pytest.mark.timeout(300)
def test_two_boards_with_one_name_both_deliver_everything(tmp_path, broker):
    with ExitStack() as stack:
        twins = []
        station = stack.enter_context(AckStation(broker.port))
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            trial = Trial(tmp_path / name, broker.port, "twin", instants=TWINS, station=station)
            twins.append(stack.enter_context(trial))
        for trial in twins:
            trial.world.held_at = TWINS // 2
            trial.board.boot()
        # Each takes the other's place at the broker, less and less often.
        sessions = lambda: sum(trial.link.sessions for trial in twins)  # noqa: E731
        assert station.wait(lambda: sessions() > 2, 60), twins[0].board.console()[-3000:]
        for trial in twins:
            trial.world.held_at = None
        for trial in twins:
            assert trial.board.wait(200) == 0, trial.board.console()[-3000:]
        boots = {boot for boot, _ in station.packs}
        assert len(boots) == 2
        for boot in boots:
            assert station.readings(boot) == served(twins[0].world.peers)
        assert station.errors == []


def test_a_board_whose_flash_was_erased_is_not_taken_for_its_past(board, peer, ack_station):
    peer.held_at = INSTANTS // 2
    board.boot()
    assert ack_station.wait(lambda: len(ack_station.packs) > 5, 60), board.console()
    board.power_cut()
    shutil.rmtree(board.file("ring"))
    (past,) = {boot for boot, _ in ack_station.packs}
    peer.held_at = None
    board.boot()
    assert board.wait(100) == 0, board.console()
    # What the broker still had of the past may come after the cut, but nothing new under its name.
    present = {boot for boot, _ in ack_station.packs} - {past}
    assert len(present) == 1
    fresh = ack_station.readings(present.pop())
    assert {t_ms for _, t_ms in fresh} >= set(peer.times_ms[INSTANTS // 2 :])
    assert ack_station.errors == []
