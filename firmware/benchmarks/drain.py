# noqa: INP001
"""Drain a backlog from the ring to a broker, on MicroPython; print rate, longest stall, bytes.

micropython drain.py PORT
"""

import asyncio
import gc
import json
import sys
import time

from cobenefit_node import config
from cobenefit_node.clock import Clock
from cobenefit_node.health import Ledger
from cobenefit_node.ring import Ring
from cobenefit_node.uplink import Uplink
from cobenefit_wire import messages, pack

PACKS, READINGS = 1000, 60
STATE = messages.State(True, 1, "0", "unix", "1", 0)


async def stalls(worst: list) -> None:
    """Note the longest time the loop did not come back, beyond the 1 ms asked for [ms]."""
    last = time.ticks_ms()
    while True:
        await asyncio.sleep_ms(1)
        now = time.ticks_ms()
        worst[0] = max(worst[0], time.ticks_diff(now, last) - 1)
        last = now


async def main(port: int) -> None:
    """Fill the ring, then drain it."""
    raw = {"site": "rig", "device": "drain", "broker": {"host": "127.0.0.1", "port": port},
           "sensors": [{"driver": "tic", "uart": 1, "period_ms": 1000}]}  # fmt: skip
    ring = Ring("ring", 64, 16_384)
    for seq in range(PACKS):
        values = list(range(READINGS))
        one = pack.Pack(ring.boot, seq, 0, 60_000 * seq, "Wh", 0, 1000, (), values, b"")
        ring.append("energy_import_wh", READINGS, pack.encode(one))
    uplink = Uplink(
        config.parse(raw), ring, Clock(), ledger=Ledger({}, 1), state=STATE, log=lambda _: None
    )
    gc.threshold(8_192)  # as in main.py
    worst = [0]
    watch = asyncio.create_task(stalls(worst))
    started = time.ticks_ms()
    link = asyncio.create_task(uplink.run())
    while ring.waiting():
        await asyncio.sleep_ms(5)
    took_ms = time.ticks_diff(time.ticks_ms(), started)
    watch.cancel()
    link.cancel()
    client = uplink._client  # noqa: SLF001
    wire_bytes = (client.tx_bytes + client.rx_bytes) / (PACKS * READINGS)  # both ways, with MQTT
    rate = 1000 * PACKS / took_ms
    print(json.dumps({"rate": rate, "stall_ms": worst[0], "wire_bytes": wire_bytes}))


asyncio.run(main(int(sys.argv[1])))
