"""Our gateway beside Node-RED and thingsboard-gateway: same broker, same messages, equal rows.

Ours is the process as it is installed: every message in the journal and synced before its PUBACK,
quality judged, copies dropped, days cut, pages written. Figures are readings per CPU second of the
whole process from the first message to its last output, starting up left out. Counts and increases
of every device and day must be equal or the run fails.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from peers import nodered, ours, thingsboard
from peers.feed import Feed, feed
from peers.process import Cost, NotRunError
from peers.venv import HOME, python_with

Peer = tuple[str, Callable[[Feed, Path], Cost]]


def node_red() -> Peer:
    """Return Node-RED's title and how to run it."""
    home = HOME / "node-red"
    title = f"Node-RED {nodered.install(home)}"
    return title, lambda feed, folder: nodered.run(feed, folder, home)


def things_board() -> Peer:
    """Return thingsboard-gateway's title and how to run it."""
    python = python_with("thingsboard", ["thingsboard-gateway"])
    title = f"thingsboard-gateway {thingsboard.version(python)} (forwards only)"
    return title, lambda feed, folder: thingsboard.run(feed, folder, python)


#: Row, devices, messages of each, readings in a message; the slowest peer gets fewer.
COMPARED = (
    (("e2e_single", 1000, 100, 1), node_red),
    (("e2e_single_thingsboard", 1000, 20, 1), things_board),
    (("e2e_senml60", 200, 150, 60), node_red),
)


def measure(run: Callable[[Feed, Path], Cost], title: str, one: Feed) -> Cost:
    """Run a feed through a gateway in a folder of its own."""
    print(f"  {one.name}: {one.readings} readings through {title}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        return run(one, Path(folder))


def row(name: str, rate: float, peer: str | None, ratio: float | None) -> None:
    """Print one row."""
    line = {"name": name, "value": rate, "unit": "readings/cpu-s", "peer": peer, "ratio": ratio}
    print(json.dumps(line), flush=True)


def main() -> int:
    """Compare; exit code 3 when a peer could not run [-]."""
    complete = True
    for (name, *sizes), peer in COMPARED:
        one = feed(name, *sizes)
        mine = measure(ours.run, "this gateway", one)
        rate = one.readings / mine.cpu_s
        try:
            title, run = peer()
            cost = measure(run, title, one)
        except NotRunError as err:
            row(name, rate, f"{peer.__name__} not run: {err}", None)
            complete = False
            continue
        text = f"{title}, {cost.rss_mb:.0f} MB, here {mine.rss_mb:.0f} MB"
        row(name, rate, text, cost.cpu_s / mine.cpu_s)
    return 0 if complete else 3


if __name__ == "__main__":
    sys.exit(main())
