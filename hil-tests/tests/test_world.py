"""Several sensors follow one control line, in step."""

import os
import select

import pytest

from cobenefit_hil.peers.world import World
from cobenefit_hil.trial import meter, three_sensors

T_MS = [1_700_000_000_000, 1_700_000_060_000]


def ask(control, line):
    control.write(line + b"\n")
    assert select.select([control], [], [], 60)[0], f"no answer to {line}"
    return control.readline().strip()


def test_all_sensors_show_the_instant_that_was_asked_for(tmp_path):
    peers = three_sensors("three", tmp_path, T_MS)
    with World(tmp_path, peers) as world:
        descriptor = os.open(world.control.path, os.O_RDWR | os.O_NOCTTY)
        with os.fdopen(descriptor, "r+b", buffering=0) as control:
            for t_ms in T_MS:
                assert ask(control, b"?") == b"%d" % t_ms
                assert ask(control, b"%d" % t_ms) == b"ok"
            assert ask(control, b"?") == b"end"
            assert ask(control, b"now") == b"error: send ? or a Unix time in ms"
        assert world.done.is_set()
        assert [peer.served for peer in peers] == [2, 2, 2]


def test_sensors_of_different_times_make_no_world(tmp_path):
    (tmp_path / "other").mkdir()
    peers = [
        meter("a", tmp_path, T_MS),
        meter("b", tmp_path / "other", T_MS[:1]),
    ]
    with pytest.raises(ValueError, match="same instants"):
        World(tmp_path, peers)
    for peer in peers:
        peer.stop()


def test_time_stands_still_where_it_is_held_and_goes_on_when_told(tmp_path):
    peers = three_sensors("three", tmp_path, T_MS)
    with World(tmp_path, peers) as world:
        world.held_at = 1
        descriptor = os.open(world.control.path, os.O_RDWR | os.O_NOCTTY)
        with os.fdopen(descriptor, "r+b", buffering=0) as control:
            assert ask(control, b"%d" % T_MS[0]) == b"ok"
            control.write(b"%d\n" % T_MS[1])
            assert not select.select([control], [], [], 0.1)[0]
            # Who asks again has lost its power meanwhile: nobody waits for the first answer.
            assert ask(control, b"?") == b"%d" % T_MS[1]
            assert world.served == 1
            control.write(b"%d\n" % T_MS[1])
            world.held_at = None
            assert select.select([control], [], [], 60)[0]
            assert control.readline() == b"ok\n"
            assert ask(control, b"?") == b"end"
        assert world.served == 2
