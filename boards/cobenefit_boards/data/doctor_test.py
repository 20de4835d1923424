# MicroPython, sent to a node by `doctor.py` after a soft reset, which gives it the whole heap.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, F821, INP001
"""Starts the node's parts, tests them, and says the ring's state; as `selftest.bench` does.

`LINK_MS`, how long to wait for the broker, is set in front of it.
"""

import asyncio
import json
import sys

from cobenefit_node import slots

_WATCHDOG_MS = 120_000


def _say(name, value):
    print("\x1e" + json.dumps([name, value]))


async def _feed(watchdog, sleep_ms):
    while True:  # that of the node we stopped still runs
        watchdog.feed()
        await sleep_ms(500)


async def _test():
    from cobenefit_node import config, selftest, settings
    from cobenefit_node.board import Board
    from cobenefit_node.clock import Clock
    from cobenefit_node.main import Node
    from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
    from cobenefit_node.trials import Trials

    board = Board()
    fed = asyncio.create_task(_feed(board.watchdog(_WATCHDOG_MS), sleep_ms))
    found = config.parse(settings.raw(Trials()))
    link = "a bridge" if found.bridge else "TLS" if found.broker.tls else "no TLS"
    node = Node(found, board, Clock())
    task = asyncio.create_task(node.uplink.run())
    started = ticks_ms()
    while not node.uplink.connected and ticks_diff(ticks_ms(), started) < LINK_MS:
        await sleep_ms(50)
    _say("tests", [list(row) for row in await selftest.run(node.remote)])
    ring = node.ring
    _say("ring", [ring.waiting(), int(1000 * ring.used_ratio()), len(ring.lost()), ring.damaged])
    _say("link", [node.uplink.connected, link])
    task.cancel()
    fed.cancel()
    ring.settle()


state = slots.Slots().state
if state.trial or state.active:  # what runs, and not the factory's
    sys.path.insert(0, state.trial or state.active)
    for name in [name for name in sys.modules if name.startswith("cobenefit_")]:
        del sys.modules[name]
asyncio.run(_test())
