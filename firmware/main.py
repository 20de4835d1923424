"""What a board runs at power on: the chosen software, and a restart when that ends.

Copied to the board's root, or frozen, and never updated: it stands below the slots.
"""

import sys

import machine

from cobenefit_node import slots

_WATCHDOG_MS = 120_000

try:
    if slots.enter().state.trial:
        machine.WDT(timeout=_WATCHDOG_MS)  # a trial that hangs before the node feeds it ends, too
    import asyncio

    from cobenefit_node.forget import forget
    from cobenefit_node.settings import load

    configuration = load()
    del load
    forget(
        "settings", "trials", "config"
    )  # before the rest is loaded: a small heap has no room for both

    from cobenefit_node.board import Board
    from cobenefit_node.clock import Clock
    from cobenefit_node.main import Node

    asyncio.run(Node(configuration, Board(), Clock()).run())
except Exception as err:
    sys.print_exception(err)
    slots.leave()
    from cobenefit_node import trials

    if not trials.failed(repr(err)):
        slots.Slots().failed(repr(err))
machine.reset()
