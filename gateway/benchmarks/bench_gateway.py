# ruff: noqa: INP001
"""How many readings a CPU second of the gateway carries: its parts, then the whole process.

End to end means: the real process behind a real broker on loopback, QoS 1, journal synced before
each PUBACK, de-duplication, quality, windows, checkpoints, rollups to the spool. Figures are per
CPU second of the process measured, so they hold on a busy machine. Prints JSON lines `{name,
value, unit, peer, ratio}`:

    python gateway/benchmarks/bench_gateway.py --only e2e
"""

import argparse
import json
import os
import select
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from cobenefit_gateway import config, packets
from cobenefit_gateway.decode import decode_packs
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Position, Record
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.store import Store
from cobenefit_hil.services import Service, broker_command, free_port
from cobenefit_wire.pack import Pack, encode

START_MS = 1_600_041_600_000
RECEIVED_MS = 1_900_000_000_000
READINGS = 60
#: A gateway that takes nothing for so long has stopped; a busy machine only slows it down. [s]
STALLED_S = 300.0
_DAY_MS = 86_400_000
#: Packs of each device that count as its start; what comes after them is the running gateway. [1]
_START = 8
#: Devices, and packs of each while running: enough for several checkpoints. [1]
_RUNNING = ((10, 40_000), (1000, 400), (100_000, 24))
Message = tuple[str, bytes]
#: Messages, and how many readings are in them.
Phase = tuple[Iterator[Message], int]


def packs(devices: int, which: range, period_ms: int = 10_000) -> Iterator[Message]:
    """Yield packs of 60 of many devices, the days of each ending at another time.

    Parameters
    ----------
    devices : int
        How many. [1]
    which : range
        Which packs of each, all of one before all of the next.
    period_ms : int
        From reading to reading. [ms]

    Yields
    ------
    Message
        Topic and payload.

    Notes
    -----
    A device is up to a day ahead of another, so any stretch of the packs has its share of days
    that end, however short a part of a day it is for one device.
    """
    long_ms = READINGS * period_ms
    ahead = max(_DAY_MS // long_ms, 1)
    for seq in which:
        values = list(range(seq * READINGS, (seq + 1) * READINGS))
        payload = [
            encode(
                Pack(
                    1, seq, 0, START_MS + (seq + i) * long_ms, "Wh", 0, period_ms, (), values, b""
                )
            )
            for i in range(min(ahead, devices))
        ]
        for i in range(devices):
            yield f"cb/v1/s/d{i}/up/energy_import_wh", payload[i % ahead]


def senml(devices: int, each: int, readings: int, period_s: int) -> Iterator[Message]:
    """Yield SenML JSON of many devices, in order of time.

    Yields
    ------
    Message
        Topic and payload.
    """
    for seq in range(each):
        for i in range(devices):
            bt = START_MS // 1000 + seq * readings * period_s
            head = f'"bn":"urn:dev:d{i}:","bt":{bt},"bu":"W","n":"power_active_w"'
            rest = [
                f'{{"n":"power_active_w","t":{k * period_s},"v":{(seq * 7 + k) % 900}.5}}'
                for k in range(1, readings)
            ]
            text = "[" + ",".join([f'{{{head},"v":{seq % 900}.5}}', *rest]) + "]"
            yield f"cb/v1/s/d{i}/senml", text.encode()


def bench_decode(messages: list[Message]) -> float:
    """Return readings per CPU second of the bulk decoder alone."""
    payloads = [payload for _, payload in messages]
    started = time.process_time()
    for i in range(0, len(payloads), 1000):
        decode_packs(payloads[i : i + 1000])
    return len(payloads) * READINGS / (time.process_time() - started)


def bench_intake(folder: Path, messages: list[Message]) -> float:
    """Return readings per CPU second of decode, windows, checkpoints and pages; no broker."""
    file = folder / "gateway.toml"
    file.write_text('tenant = "bench"\n')
    store = Store(config.load(file))
    state = store.load()
    intake = Intake(config.load(file), state, Readings(config.load(file), state, store.window))
    records = [Record(topic, payload, RECEIVED_MS) for topic, payload in messages]
    started = time.process_time()
    for i in range(0, len(records), 1000):
        intake.take(records[i : i + 1000])
        if i % 20_000 == 0:
            store.checkpoint(state, Position(1, i))
    store.checkpoint(state, Position(1, len(records)), flush=True)
    spent = time.process_time() - started
    store.close()
    return len(records) * READINGS / spent


def bench_process(*phases: Phase) -> tuple[list[float], float]:
    """Return readings per CPU second of each phase, and peak memory [MB], of the real process.

    A phase ends when the database counts all its readings, so the checkpoints it causes are its
    own.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        file = folder / "gateway.toml"
        file.write_text(f'tenant = "bench"\n[broker]\nport = {port}\n[backend]\nurl = ""\n')
        command = [sys.executable, "-m", "cobenefit_gateway", "run", str(file)]
        with (
            Service("broker", broker_command(port, folder), folder / "broker.log", port=port),
            Service("gateway", command, folder / "gateway.log") as gateway,
        ):
            database = folder / "gateway-data/gateway.db"
            while not _taken(database):  # it may not have subscribed yet
                publish(port, warm_up())
                time.sleep(0.2)
            assert gateway.process is not None
            pid, due, rates = gateway.process.pid, 1, []
            for messages, readings in phases:
                before, due = _cpu_s(pid), due + readings
                publish(port, messages)
                _until(database, due)
                rates.append(readings / (_cpu_s(pid) - before))
            return rates, _peak_mb(pid)


def warm_up() -> Iterator[Message]:
    """Yield one reading; a copy is not counted again.

    Yields
    ------
    Message
        The same each time.
    """
    yield "cb/v1/s/warm/senml", b'[{"n":"power_active_w","u":"W","t":1600000000,"v":1}]'


def publish(port: int, messages: Iterator[Message]) -> None:
    """Publish at QoS 1 as fast as the broker takes it: at most 2000 messages on their way."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(packets.connect(4, "bench", 600))
        sock.recv(4)
        sent = confirmed = partly = 0
        source = iter(messages)
        unsent = b""
        while True:
            if not unsent and sent - confirmed < 2000:
                for topic, payload in islice(source, 500):
                    sent += 1
                    unsent += packets.publish(4, sent % 65_535 + 1, topic, payload)
            if sent == confirmed:
                return
            readable, writable, _ = select.select([sock], [sock] if unsent else [], [], 1.0)
            if readable:
                partly += len(sock.recv(1 << 16))
                confirmed, partly = confirmed + partly // 4, partly % 4
            if writable:
                unsent = unsent[sock.send(unsent) :]


def _until(database: Path, readings: int) -> None:
    taken, until = 0, time.monotonic() + STALLED_S
    while (now := _taken(database)) < readings:
        if now > taken:
            taken, until = now, time.monotonic() + STALLED_S
        if time.monotonic() > until:
            raise TimeoutError(f"stalled at {now} of {readings} readings in the database")
        time.sleep(0.1)


def _taken(database: Path) -> int:
    if not database.exists():
        return 0
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        row = db.execute("SELECT count FROM totals WHERE name = 'readings'").fetchone()
    except sqlite3.OperationalError:  # not made yet
        row = None
    db.close()
    return int(row[0]) if row else 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [x for x in status.splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def parts() -> Iterator[tuple[str, float, str]]:
    """Yield figures of the parts.

    Yields
    ------
    tuple of str, float, str
        Name, value and unit of a row.
    """
    messages = list(packs(1000, range(40)))
    yield "gateway_decode_packs60", bench_decode(messages), "readings/cpu-s"
    with tempfile.TemporaryDirectory() as name:
        yield "gateway_intake_packs60", bench_intake(Path(name), messages), "readings/cpu-s"


def whole() -> Iterator[tuple[str, float, str]]:
    """Yield figures of the process, for few and for many devices.

    Yields
    ------
    tuple of str, float, str
        Name, value and unit of a row.
    """
    unit = "readings/cpu-s"
    yield from flat()
    (rate,), _ = bench_process((packs(1000, range(100), 600_000), 6_000_000))
    yield "e2e_cbor60_10_min_period", rate, unit
    (rate,), _ = bench_process((senml(1000, 40, 60, 10), 2_400_000))
    yield "e2e_senml60", rate, unit
    (rate,), _ = bench_process((senml(1000, 200, 1, 10), 200_000))
    yield "e2e_single", rate, unit


def flat() -> Iterator[tuple[str, float, str]]:
    """Yield what a reading costs with 10, 1000 and 100,000 devices: at the start, then running.

    Yields
    ------
    tuple of str, float, str
        Name, value and unit of a row.
    """
    starts, running = [], []
    for devices, each in _RUNNING:
        first, then = range(_START), range(_START, _START + each)
        (start, rate), peak = bench_process(
            *((packs(devices, which), devices * len(which) * READINGS) for which in (first, then))
        )
        starts.append(start)
        running.append(rate)
        name = f"{devices // 1000}k" if devices >= 1000 else devices
        yield f"e2e_cbor60_{name}_devices_start", start, "readings/cpu-s"
        yield f"e2e_cbor60_{name}_devices", rate, "readings/cpu-s"
        yield f"gateway_rss_{name}_mb", peak, "MB"
    yield "e2e_cost_10_to_100k_devices", max(running) / min(running), "x"
    yield "e2e_cost_10_to_100k_devices_start", max(running) / starts[-1], "x"


def main() -> None:
    """Run what is asked for and print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["parts", "e2e", "flat"])
    only = parser.parse_args().only
    os.environ.setdefault("COBENEFIT_BROKER", "mosquitto")
    for name, rows in (("parts", parts), ("flat", flat), ("e2e", whole)):
        if only not in (None, name) or (only is None and name == "flat"):  # e2e has it
            continue
        for row in rows():
            line = dict(zip(("name", "value", "unit"), row, strict=True))
            print(json.dumps({**line, "peer": None, "ratio": None}), flush=True)


if __name__ == "__main__":
    main()
