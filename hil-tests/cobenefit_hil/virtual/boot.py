# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
"""What a virtual board runs at power on: the node, on simulated time when a control line is wired.

Exit codes: 0 the world ended and every pack is acked, 1 packs were left or the control line
failed, 2 the configuration is wrong, 73 reset (an update, or a crash as `main.py` of a board has).
"""

import asyncio
import gc
import os
import sys
import time

from cobenefit_node import slots

on_trial = bool(slots.enter().state.trial)
del slots  # a slot brings its own; a small heap has no room for both


async def run(settings: object) -> int:
    """Run the node to the end of its time; return the exit code."""
    from cobenefit_node.board import Board
    from cobenefit_node.clock import Clock
    from cobenefit_node.main import Node

    keepalive_s = os.getenv("COBENEFIT_KEEPALIVE_S")
    if keepalive_s:
        from cobenefit_node import mqtt

        mqtt.KEEPALIVE_S = int(keepalive_s)
    control = os.getenv("COBENEFIT_CONTROL")
    if not control:
        return 0 if await Node(settings, Board(), Clock()).run() else 1
    from simclock import SimClock

    clock = SimClock(control, len(settings.sensors))
    await clock.start()
    board = Board()
    board.stepped = True
    board.reset = clock.reset_between_ticks
    node = Node(settings, board, clock)
    clock.ring = node.ring
    started = time.ticks_ms()
    acked = await node.run()
    seconds = time.ticks_diff(time.ticks_ms(), started) / 1000
    gc.collect()
    used = gc.mem_alloc()
    print("steps", clock.steps, "in", seconds, "s; heap", used, "of", used + gc.mem_free())
    if clock.failed:
        print(clock.failed)
    return 0 if acked and not clock.failed else 1


def configuration() -> object:
    """Return the checked configuration; only here is its parser held."""
    from cobenefit_node import settings
    from cobenefit_node.forget import forget

    try:
        return settings.load()
    except (ValueError, OSError) as err:  # ConfigError is a ValueError
        print(err)
        if on_trial:
            raise
        sys.exit(2)
    finally:
        del settings
        forget("settings", "trials", "config")


def main() -> int:
    """Run what was chosen; return the exit code."""
    try:
        return asyncio.run(run(configuration()))
    except Exception as err:
        sys.print_exception(err)
        _failed(repr(err))
        return 73


def _failed(reason: str) -> None:
    """Note it with the factory's `slots`, as `main.py` of a board does."""
    for name in [name for name in sys.modules if name.startswith("cobenefit_")]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not path.startswith("app_")]
    from cobenefit_node import slots, trials

    if not trials.failed(reason):
        slots.Slots().failed(reason)


sys.exit(main())
