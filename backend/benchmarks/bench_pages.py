"""Time and size of every page at 1,000 meters and three years of half-hourly readings.

Run: make bench ARGS=bench_pages, or this file with the number of meters as argument. `first` is
the time of the first answer after data came in, when the report is computed; `p95` is of the
requests after it. Half-hourly readings reach the backend as one row a day and meter.
"""

# ruff: noqa: INP001  a script, not a package
import hashlib
import json
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI

from cobenefit_backend import bodies
from cobenefit_backend.access.credentials import Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.store import Store

FIRST, DAYS, STUDIES, REQUESTS = date(2022, 1, 1), 1096, 20, 40
TENANT, CHANNEL = "bench", "energy_import_wh"


def study_document(meters: int) -> dict[str, object]:
    """Return the document of a municipality whose meters are in twenty studies."""
    names = [f"meter-{n:04}" for n in range(meters)]
    share = -(-meters // STUDIES)
    return {
        "tenant": TENANT,
        "names": {"en": "A thousand meters", "fr": "Mille compteurs"},
        "site": [{"id": f"site-{n:02}", "timezone": "Etc/UTC"} for n in range(STUDIES)],
        "device": [
            {"id": name, "site": f"site-{n // share:02}", "board": "unix", "lifetime_years": 5}
            for n, name in enumerate(names)
        ],
        "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": meters},
        "study": [
            {"id": f"study-{n:02}", "use_case": "smart_meter", "data_origin": "synthetic",
             "site": f"site-{n:02}", "devices": names[n * share : (n + 1) * share],
             "channel": CHANNEL, "baseline": ["2022-01-01", "2023-01-01"],
             "reporting": ["2023-01-01", "2025-01-01"],
             "names": {"en": f"The district {n}", "fr": f"Le quartier {n}"}}
            for n in range(min(STUDIES, -(-meters // share)))
        ],
    }  # fmt: skip


def fill(store: Store, meters: int) -> int:
    """Store the days of every meter; return the rows."""
    rng = np.random.default_rng(1)
    share = -(-meters // STUDIES)
    start = [
        round(datetime.combine(FIRST + timedelta(days=n), datetime.min.time(), UTC).timestamp())
        * 1000 for n in range(DAYS)
    ]  # fmt: skip
    winter = 9_000 + 3_000 * np.cos(2 * np.pi * np.arange(DAYS) / 365.25)
    for n in range(meters):
        delta = np.round(winter * np.where(np.arange(DAYS) < 365, 1.0, 0.93)
                         * rng.normal(1, 0.1, DAYS))  # fmt: skip
        last = np.cumsum(delta)
        series = [f"site-{n // share:02}", f"meter-{n:04}", CHANNEL]
        store.add_page(*bodies.decode_page(_page(n, series, start, delta, last)), 0)
    return meters * DAYS


def _page(
    number: int, series: list[str], start: list[int], delta: np.ndarray, last: np.ndarray
) -> bytes:
    rows = len(start)
    first = (last - delta).tolist()
    columns = {
        "start_ms": start, "length_s": [86_400] * rows, "revision": [0] * rows,
        "count": [48] * rows, "expected": [48] * rows, "flagged": [0] * rows,
        "first": first, "first_t_ms": start, "last": last.tolist(),
        "last_t_ms": [t + 84_600_000 for t in start], "min": first, "max": last.tolist(),
        "sum": [0.0] * rows, "m2": [0.0] * rows, "delta": delta.tolist(),
        "integral": [None] * rows, "covered_s": [None] * rows, "histogram": [None] * rows,
    }  # fmt: skip
    rollups = {"tenant": TENANT, "series": [series], "series_id": [0] * rows, **columns}
    text = json.dumps(rollups, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    spool = "0e8b2c52-6c51-4e0b-9b0f-3d1f1a6f0a01"
    return f'{{"spool":"{spool}","page":{number},"sha256":"{digest}","rollups":{text}}}'.encode()


def pages_of(app: FastAPI) -> list[str]:
    """Return the address of every HTML page of the application, parameters filled in."""
    known = {"study": "study-00", "site": "site-00", "device": "meter-0000", "tenant": TENANT}
    found = []
    for path, operations in app.openapi()["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "text/html" in content and all(name in known for name in re.findall(r"{(\w+)}", path)):
            found.append(path.format_map(known))
    return found


def main(meters: int) -> None:
    """Fill a store, then ask every page for it."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(BackendConfig(
            database_url=f"sqlite:///{Path(folder) / 'bench.sqlite3'}", requests_per_minute=100_000
        ))  # fmt: skip
        store: Store = app.state.store
        _print("pages_rows", fill(store, meters), "rows")
        store.put_study(TENANT, json.dumps(study_document(meters)).encode(), 0)
        key = app.state.guard.credentials.create(
            TENANT, Kind.KEY, Role.ADMIN, "bench", now_ms=0, by="bench"
        )
        # With the protocol named, so that asyncio switches Nagle's algorithm off as `serve` does.
        listener = socket.socket(proto=socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=base, headers=headers, timeout=600) as client:
            for path in pages_of(app):
                _measure(client, path)
        server.should_exit = True
        thread.join()
        app.state.engine.dispose()


def _measure(client: httpx.Client, path: str) -> None:
    times_ms, content = [], b""
    for _ in range(REQUESTS + 1):
        begun = time.perf_counter()
        answer = client.get(path, params={"lang": "fr"})
        times_ms.append((time.perf_counter() - begun) * 1000)
        content = answer.content
        if answer.status_code != httpx.codes.OK:
            print(f"{path}: {answer.status_code}, not measured", file=sys.stderr)
            return
    p95 = statistics.quantiles(times_ms[1:], n=20)[-1]
    _print(f"page_first_ms {path}", times_ms[0], "ms")
    _print(f"page_p95_ms {path}", p95, "ms")
    _print(f"page_kb {path}", len(content) / 1000, "kB")


def _print(name: str, value: float, unit: str) -> None:
    row = {"name": name, "value": round(value, 1), "unit": unit, "peer": None, "ratio": None}
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
