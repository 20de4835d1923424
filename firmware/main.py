"""What a board runs at power on: the chosen software, and a restart when that ends.

Copied to the board's root, or frozen, and never updated: it stands below the slots.
"""

import sys

import machine

from cobenefit_node import slots

_WATCHDOG_MS = 8000 if sys.platform == "rp2" else 120_000  # an RP2's waits for 8.3 s at most

try:
    if slots.enter().state.trial:
        machine.WDT(timeout=_WATCHDOG_MS)  # a trial that hangs before the node feeds it ends, too
    del slots  # a slot brings its own; a small heap has no room for both
    import asyncio

    from cobenefit_node.forget import forget
    from cobenefit_node.settings import load

    configuration = load()
    del load
    # before the rest is loaded: a small heap has no room for both
    forget("settings", "trials", "config")

    if configuration.wifi is None and configuration.broker is not None:
        from cobenefit_node import improv

        if improv.unprovisioned():
            improv.serve()
            machine.reset()
        forget("improv")
        del improv

    from cobenefit_node.board import Board
    from cobenefit_node.clock import Clock
    from cobenefit_node.main import Node

    asyncio.run(Node(configuration, Board(), Clock()).run())
except Exception as err:
    sys.print_exception(err)
    for name in [name for name in sys.modules if name.startswith("cobenefit_")]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not path.startswith("app_")]
    from cobenefit_node import slots, trials  # the factory's again: it is not the one that crashed

    if not trials.failed(repr(err)):
        slots.Slots().failed(repr(err))
machine.reset()
