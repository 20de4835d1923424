# ruff: noqa: INP001
"""How many readings a CPU second carries: decoder, core, intake with checkpoints, whole process.

Prints a JSON list of `{name, value, unit, peer, ratio, command}`. Figures are per CPU second of
the process measured, so they hold on a busy machine:

    python gateway/benchmarks/bench_gateway.py
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from cobenefit_gateway import config
from cobenefit_gateway.core import aggregate
from cobenefit_gateway.decode import decode_packs
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Position, Record
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.store import Store
from cobenefit_hil.services import Service, broker_command, free_port
from cobenefit_wire import messages
from cobenefit_wire.pack import Pack, encode

START_MS = 1_600_041_600_000
READINGS = 60


def packs(devices: int, each: int, period_ms: int = 600_000) -> list[Record]:
    """Return packs of 60 of many devices, in order of time."""
    out = []
    for seq in range(each):
        values = list(range(seq * READINGS, (seq + 1) * READINGS))
        t_ms = START_MS + seq * READINGS * period_ms
        payload = encode(Pack(1, seq, 0, t_ms, "Wh", 0, period_ms, (), values, b""))
        out += [
            Record(f"cb/v1/s/d{i}/up/energy_import_wh", payload, 1_900_000_000_000)
            for i in range(devices)
        ]
    return out


def bench_decode(records: list[Record]) -> float:
    """Return readings per CPU second of the bulk decoder alone."""
    payloads = [r.payload for r in records]
    started = time.process_time()
    for i in range(0, len(payloads), 1000):
        decode_packs(payloads[i : i + 1000])
    return len(payloads) * READINGS / (time.process_time() - started)


def bench_core(devices: int) -> float:
    """Return readings per CPU second of the run partials alone, packs of 60."""
    n = READINGS * devices
    rng = np.random.default_rng(1)
    value = np.cumsum(rng.integers(0, 9, n)).astype(np.float64)
    t_ms = np.tile(np.arange(READINGS, dtype=np.int64) * 600_000, devices)
    starts = np.arange(0, n, READINGS)
    gap_ms, modulus = np.full(n, 1_800_000), np.zeros(n)
    part = 512 * READINGS
    started = time.process_time()
    for at in range(0, n, part):
        here = slice(at, at + part)
        local = starts[(starts >= at) & (starts < at + part)] - at
        aggregate.segments(value[here], t_ms[here], local, gap_ms[here], modulus[here])
    return n / (time.process_time() - started)


def bench_intake(folder: Path, records: list[Record]) -> float:
    """Return readings per CPU second of decode, windows, checkpoints and pages; no broker."""
    file = folder / "gateway.toml"
    file.write_text('tenant = "bench"\n')
    store = Store(config.load(file))
    state = store.load()
    intake = Intake(config.load(file), state, Readings(config.load(file), state, store.window))
    started = time.process_time()
    for i in range(0, len(records), 1000):
        intake.take(records[i : i + 1000])
        if i % 20_000 == 0:
            store.checkpoint(state, Position(1, i))
    store.checkpoint(state, Position(1, len(records)), flush=True)
    spent = time.process_time() - started
    store.close()
    return len(records) * READINGS / spent


def bench_process(folder: Path, records: list[Record]) -> tuple[float, float]:
    """Return readings per CPU second and peak memory [MB] of the real process at QoS 1."""
    port = free_port()
    file = folder / "gateway.toml"
    file.write_text(f'tenant = "bench"\n[broker]\nport = {port}\n[backend]\nurl = ""\n')
    command = [sys.executable, "-m", "cobenefit_gateway", "run", str(file)]
    with (
        Service("broker", broker_command(port, folder), folder / "broker.log", port=port),
        Service("gateway", command, folder / "gateway.log") as gateway,
    ):
        time.sleep(2.0)
        assert gateway.process is not None
        pid = gateway.process.pid
        before = _cpu_s(pid)
        publish_all(port, records)
        return len(records) * READINGS / (_cpu_s(pid) - before), _peak_mb(pid)


def publish_all(port: int, records: list[Record]) -> None:
    """Publish all records and wait until the gateway has acknowledged the last of each device."""
    floors: dict[str, int] = {}
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="bench")
    client.max_inflight_messages_set(500)
    client.on_message = lambda _c, _u, m: floors.__setitem__(
        m.topic, messages.decode_ack(m.payload).floor
    )
    client.connect("127.0.0.1", port)
    client.subscribe("cb/v1/+/+/ack", 0)
    client.loop_start()
    for record in records:
        client.publish(record.topic, record.payload, 1)
    until = time.monotonic() + 120
    while sum(floors.values()) < len(records) and time.monotonic() < until:
        time.sleep(0.05)
    assert sum(floors.values()) == len(records), "not everything was acknowledged"
    client.disconnect()
    client.loop_stop()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [x for x in status.splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Run what is asked for and print the list."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--each", type=int, default=20, help="packs per device")
    options = parser.parse_args()
    records = packs(options.devices, options.each)
    rows = [
        ("gateway_decode_packs60", bench_decode(records), "readings/cpu-s"),
        ("core_packs60_1k", bench_core(1000), "readings/cpu-s"),
        ("core_packs60_100k", bench_core(100_000), "readings/cpu-s"),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.append(("gateway_intake_packs60", bench_intake(folder, records), "readings/cpu-s"))
    with tempfile.TemporaryDirectory() as name:
        rate, peak = bench_process(Path(name), records)
        rows += [("e2e_cbor60", rate, "readings/cpu-s"), ("gateway_rss_1k_mb", peak, "MB")]
    command = " ".join(["python", *sys.argv])
    keys = ("name", "value", "unit", "peer", "ratio", "command")
    lines = [dict(zip(keys, (*row, None, None, command), strict=True)) for row in rows]
    print(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
