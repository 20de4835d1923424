# noqa: INP001
"""The node on a board: least heap, size as .mpy, bytes on the wire, drain rate, longest stall.

`node_heap_kb` is the least heap, in steps of 2, in which the application as .mpy lives the day of
`cobenefit_hil.small_heap`: three drivers, TLS, a backlog and a signed update, in one run. It is in
the objects of a 32-bit board (`-X heapsize=…wk` of MicroPython's unix port) and holds the rig's
`machine` and clock, too, which no board has: `node_heap_rig_kb`. mbedTLS takes its own memory.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cobenefit_hil.authority import tls_broker
from cobenefit_hil.services import find_tool
from cobenefit_hil.small_heap import Fleet, day
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import interpreter

DRAIN = Path(__file__).resolve().parent / "drain.py"
ROUNDS = 3
#: The node is too large for the first and runs in the last. [kB]
LOW_KB, HIGH_KB, STEP_KB = 60, 108, 2
RIG = """
import gc, asyncio, cobenefit_node.clock
gc.collect()
before = gc.mem_alloc()
import machine, simclock
gc.collect()
print(gc.mem_alloc() - before)
"""


def least_heap_kb(fleet: Fleet) -> int:
    """Return the least heap in which the day is lived [kB of 32 bits]."""
    low, high = LOW_KB // STEP_KB, HIGH_KB // STEP_KB
    while high - low > 1:
        middle = (low + high) // 2
        fault = day(fleet, STEP_KB * middle)
        print(f"heap {STEP_KB * middle}: {fault[-160:] or 'lived'}", file=sys.stderr)
        if fault:
            low = middle
        else:
            high = middle
    return STEP_KB * high


def drain(firmware: Path) -> dict:
    """Return rate [1/s], longest stall [ms] and bytes a reading [B] of a backlog's drain."""
    with tempfile.TemporaryDirectory() as name:
        service, plain, _ = tls_broker(Path(name), find_tool("mosquitto"))
        with service, AckStation(plain):
            done = subprocess.run(
                [interpreter(), "-X", "heapsize=100wk", str(DRAIN), str(plain)],
                env={"MICROPYPATH": f"{firmware}:.frozen"},
                cwd=name, stdout=subprocess.PIPE, text=True, check=True, timeout=120,
            )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def rig_kb(firmware: Path) -> float:
    """Return what the rig's own modules take of the heap [kB of 32 bits]."""
    command = [interpreter(), "-X", "heapsize=400k", "-c", RIG]
    path = f"{firmware}:.frozen"
    done = subprocess.run(
        command, env={"MICROPYPATH": path}, stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout) / 2048


def say(name: str, value: float, unit: str) -> None:
    """Print a row."""
    row = {"name": name, "value": value, "unit": unit, "peer": None, "ratio": None}
    print(json.dumps(row), flush=True)


def main() -> None:
    """Measure, and print one row for each figure."""
    with tempfile.TemporaryDirectory() as built:
        fleet = Fleet(Path(built))
        say("node_mpy_kb", fleet.app_bytes / 1024, "kB")
        rounds = [drain(fleet.app) for _ in range(ROUNDS)]
        say("node_drain_msg_s", statistics.median(r["rate"] for r in rounds), "1/s")
        say("node_stall_ms", statistics.median(r["stall_ms"] for r in rounds), "ms")
        say("node_wire_bytes", statistics.median(r["wire_bytes"] for r in rounds), "B/reading")
        say("node_heap_rig_kb", rig_kb(fleet.app), "kB of 32 bits")
        say("node_heap_kb", least_heap_kb(fleet), "kB of 32 bits")


if __name__ == "__main__":
    main()
