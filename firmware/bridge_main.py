"""What a bridge runs at power on: copied to its root as `main.py`, beside `config.json`."""

import sys

import machine

try:
    import asyncio

    from cobenefit_node import bridge_config
    from cobenefit_node.board import Board
    from cobenefit_node.bridge import Bridge
    from cobenefit_node.clock import Clock

    asyncio.run(Bridge(bridge_config.load("config.json"), Board(), Clock()).run())
except Exception as err:
    sys.print_exception(err)
machine.reset()
