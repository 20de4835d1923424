"""Time the SensorThings service on three years of 1,000 devices in SQLite.

Run: make bench ARGS=bench_sensorthings, or this file. CPU time, the quickest of three.
"""
# ruff: noqa: INP001  a script, not a package

import asyncio
import json
import sqlite3
import tempfile
import time
from pathlib import Path

import httpx
from fastapi import FastAPI

from cobenefit_backend.access.credentials import Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig

DEVICES, DAYS, HALF_HOURS = 1000, 1096, 52_560
CHANNELS = ("energy_import_wh", "power_active_w")
START_MS, DAY_MS, HALF_HOUR_MS = 1_600_000_000_000, 86_400_000, 1_800_000
RUNS = 3
WINDOWS = "Datastreams('s0.d0.energy_import_wh.window')/Observations"
LATEST = "Datastreams($expand=Observations($orderby=phenomenonTime desc;$top=1))"
_ROW = (
    "INSERT INTO rollup (series_id, start_ms, length_s, revision, count, expected, flagged, sum, "
    "delta, tenant) VALUES (?, ?, ?, 0, 48, 48, 0, 1.0, 1.0, 'demo')"
)


def fill(path: Path) -> None:
    """Write series and rollups without the store: it is reading that is timed."""
    connection = sqlite3.connect(path)
    connection.execute("INSERT OR IGNORE INTO change VALUES ('demo', 1)")
    number = 0
    for device in range(DEVICES):
        for channel in CHANNELS:
            number += 1
            names = (number, "demo", f"s{device % 50}", f"d{device}", channel)
            connection.execute("INSERT INTO series VALUES (?, ?, ?, ?, ?)", names)
            days = ((number, START_MS + DAY_MS * n, 86_400) for n in range(DAYS))
            connection.executemany(_ROW, days)
    windows = ((1, START_MS + HALF_HOUR_MS * n, 1800) for n in range(HALF_HOURS))
    connection.executemany(_ROW, windows)
    connection.commit()
    connection.close()


async def ask(app: FastAPI, key: str, path: str) -> str:
    """Print the quickest of some runs [ms of CPU], and return the id of the last entity."""
    took_s = []
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bench", headers=headers
    ) as client:
        for _ in range(RUNS):
            start_s = time.process_time()
            answer = await client.get(f"/sta/v1.1/{path}")
            took_s.append(time.process_time() - start_s)
            answer.raise_for_status()
    row = {"name": f"sta_cpu_ms {path}", "value": round(min(took_s) * 1000, 1), "unit": "ms"}
    print(json.dumps(row), flush=True)
    return str(answer.json()["value"][-1]["@iot.id"])


async def session(app: FastAPI, key: str) -> None:
    """Ask what a client asks."""
    await ask(app, key, "Things?$count=true")
    await ask(app, key, WINDOWS)
    await ask(app, key, f"{WINDOWS}?$count=true")
    await ask(app, key, f"{WINDOWS}?$skip=52000")
    last = await ask(app, key, f"{WINDOWS}?$orderby=phenomenonTime desc")
    await ask(app, key, f"{WINDOWS}?$skiptoken={last}")
    await ask(app, key, f"Things?$expand={LATEST}")


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sqlite3"
        config = BackendConfig(database_url=f"sqlite:///{path}", requests_per_minute=1_000_000)
        app = create_app(config)
        fill(path)
        key = app.state.guard.credentials.create(
            "demo", Kind.KEY, Role.VIEWER, "bench", now_ms=time.time_ns() // 1_000_000, by="bench"
        )
        asyncio.run(session(app, key))
        app.state.engine.dispose()


if __name__ == "__main__":
    main()
