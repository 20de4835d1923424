"""A soak: the gateway under load for an hour, beside a ledger it does not know.

    make soak ARGS="--minutes 60 --devices 10000"
    make soak ARGS="--kills 200 --devices 300 --rate 6000"

Real broker, gateway, backend store. First the ceiling is measured (readings for each CPU second
of the gateway, everything on), then the devices send at a share of it. At the end all is drained
and the ledger compared with the store: counts, sums, increases, quarantined and lost, for every
device. With `--kills` the gateway is killed (signal 9) at random moments while packs wait for
their ack. Ctrl-C ends a run early, with the same verdict; the same `--folder` goes on with it.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ledger import Ledger
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from stack import Stack, use
from verdict import Line, compare, read

SAMPLE_S = 10.0
COLUMNS = (
    "seconds", "readings", "unacked", "gateway_rss_mb", "gateway_cpu_s", "broker_rss_mb",
    "broker_cpu_s", "backend_rss_mb", "backend_cpu_s", "feed_cpu_s", "data_mb", "load",
)  # fmt: skip


class Soak:
    """One run: samples while it lasts, a verdict at its end.

    Parameters
    ----------
    stack : Stack
        Running.
    asked : Namespace
        The command line.
    """

    def __init__(self, stack: Stack, asked: argparse.Namespace) -> None:
        self._stack, self._asked = stack, asked
        self._began, self._ended = time.monotonic(), False
        self._random = random.Random(asked.seed)  # noqa: S311 – moments, not secrets
        self._sampled = 0.0
        self._samples = stack.folder / "samples.csv"
        self.kills = self.shots = 0
        signal.signal(signal.SIGINT, lambda *_: self._end())
        signal.signal(signal.SIGTERM, lambda *_: self._end())

    def _end(self) -> None:
        self._ended = True

    def _done(self) -> float:
        """Return which part of the run is over [1]."""
        if self._asked.kills:
            return self.kills / int(self._asked.kills)
        return (time.monotonic() - self._began) / (60 * float(self._asked.minutes))

    def run(self, bar: Progress) -> None:
        """Watch until the time is over, the kills are done, or Ctrl-C."""
        task = bar.add_task("soak", total=1.0, facts="")
        while not self._ended and (done := self._done()) < 1:
            self._stack.check()
            facts = self._stack.progress()
            text = f"{facts.get('readings', 0):,} readings, {facts.get('unacked', 0)} unacked"
            text += f", {self.kills} kills" if self.shots else ""
            bar.update(task, completed=done, facts=text)
            if time.monotonic() - self._sampled >= SAMPLE_S:
                self._sample(facts)
            if self._asked.kills:
                self._kill()
            else:
                time.sleep(0.25)
        bar.update(task, completed=self._done(), facts="waiting for the last acks and pages")
        self._sample(self._stack.progress())

    def _kill(self) -> None:
        time.sleep(self._random.uniform(0.0, self._asked.kill_s))
        before = self._stack.gateway.log.stat().st_size
        unacked = self._stack.progress().get("unacked", 0)
        self._stack.check()
        self._stack.gateway.kill()
        self.shots += 1
        self.kills += unacked > 0
        self._stack.gateway.start()
        if self._random.random() < 0.5:  # the other half may die while it starts
            self._stack.await_gateway(before)

    def _sample(self, facts: dict[str, Any]) -> None:
        self._sampled = time.monotonic()
        stack = self._stack
        gateway, broker, backend, feed = (
            use(s) for s in (stack.gateway, stack.broker, stack.backend, stack.feed)
        )
        row = (
            round(self._sampled - self._began, 1), facts.get("readings", 0),
            facts.get("unacked", 0), gateway.rss_mb, gateway.cpu_s, broker.rss_mb, broker.cpu_s,
            backend.rss_mb, backend.cpu_s, feed.cpu_s,
            _size_mb(stack.folder / "gateway-data"), os.getloadavg()[0],
        )  # fmt: skip
        fresh = not self._samples.exists()
        with self._samples.open("a", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            if fresh:
                writer.writerow(COLUMNS)
            writer.writerow([round(x, 2) for x in row])


def _size_mb(folder: Path) -> float:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:  # a journal file that a checkpoint has just removed
            continue
    return size / 2**20


def ceiling(asked: argparse.Namespace) -> dict[str, float]:
    """Return what the gateway carries when it is never idle."""
    with tempfile.TemporaryDirectory() as name, Stack(Path(name), asked.devices, 0.0) as stack:
        until = time.monotonic() + 90
        while stack.progress().get("rounds", 0) < 2 and time.monotonic() < until:
            stack.check()
            time.sleep(0.1)
        before, at, began = use(stack.gateway).cpu_s, stack.progress(), time.monotonic()
        while time.monotonic() - began < asked.ceiling_s:
            stack.check()
            time.sleep(0.1)
        wall_s = time.monotonic() - began
        stack.feed.stop(600)  # until everything is acknowledged
        cpu_s, after = use(stack.gateway).cpu_s - before, stack.progress()
        readings = after["readings"] - at["readings"]
        return {
            "readings": readings, "cpu_s": round(cpu_s, 2), "wall_s": round(wall_s, 2),
            "readings_per_cpu_s": round(readings / cpu_s),
        }  # fmt: skip


def verdict(folder: Path) -> list[Line]:
    """Compare ledger and store, and print it."""
    ledger = Ledger.load(folder / "ledger.npz")
    lines = compare(ledger, read(folder / "backend.sqlite3", ledger.sent.shape[0]))
    for line in lines:
        mark = "equal" if not line.differ else f"DIFFERS for {line.differ} devices"
        print(f"  {line.name:<32} {line.sent:>22,} {line.stored:>22,}  {mark}")
    return lines


def soak(asked: argparse.Namespace, console: Console) -> int:
    """Measure, run, compare; return the exit code: 0 when ledger and store are equal [-]."""
    folder: Path = asked.folder
    file, facts = folder / "result.json", {}
    if file.exists():
        facts = json.loads(file.read_text())
        asked.rate, asked.devices = facts["rate"], facts["devices"]
    elif asked.rate is None:
        console.print(f"Measuring the ceiling with {asked.devices} devices …")
        facts["ceiling"] = ceiling(asked)
        asked.rate = asked.share * facts["ceiling"]["readings_per_cpu_s"]
        console.print(f"  {facts['ceiling']}")
    console.print(f"{asked.devices} devices, {asked.rate:,.0f} readings a second, in {folder}")
    pace = {"checkpoint_s": 0.15, "again_s": 3.0} if asked.kills else {}
    began = time.time()
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} % {task.fields[facts]}"))
    with (
        Stack(folder, asked.devices, asked.rate, **pace) as stack,
        Progress(*columns, TimeElapsedColumn(), console=console) as bar,
    ):
        run = Soak(stack, asked)
        run.run(bar)
        stack.finish()
        progress = stack.progress()
    lines = verdict(folder)
    good = not any(line.differ for line in lines)
    facts |= {
        "began": began, "devices": asked.devices, "rate": asked.rate, "seed": asked.seed,
        "minutes": asked.minutes, "kills": run.kills, "shots": run.shots, "progress": progress,
        "verdict": [asdict(line) for line in lines], "equal": good,
        "command": " ".join(sys.argv[1:]), "broker": os.environ["COBENEFIT_BROKER"],
    }  # fmt: skip
    file.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    console.print("Ledger and store are equal." if good else "Ledger and store DIFFER.")
    return 0 if good else 1


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rate", type=float, help="readings a second, instead of the share")
    parser.add_argument("--share", type=float, default=0.5, help="of the ceiling measured first")
    parser.add_argument("--ceiling-s", type=float, default=20, help="how long that takes")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 so often, then end")
    parser.add_argument("--kill-s", type=float, default=2.0, help="longest life between two")
    parser.add_argument("--seed", type=int, default=20_261_122, help="of the moments")
    parser.add_argument("--folder", type=Path, help="keep everything there; goes on with it")
    asked = parser.parse_args()
    os.environ.setdefault("COBENEFIT_BROKER", "mosquitto")
    keep = asked.folder is not None
    asked.folder = asked.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    code = soak(asked, Console())
    if code == 0 and not keep:
        shutil.rmtree(asked.folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
