"""Ingest rate: full rollup rows as columnar pages through HTTP into SQLite, each synced.

Run: PYTHONPATH=firmware:backend:boards python backend/benchmarks/bench_ingest.py [ROWS_PER_PAGE]
Prints one JSON object per line: name, value, unit, command.
"""

# ruff: noqa: INP001  a script, not a package
import hashlib
import json
import resource
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import uvicorn

from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig

PAGES = 40
DEVICES = 100
SPOOL = "0e8b2c52-6c51-4e0b-9b0f-3d1f1a6f0a01"


def page_body(page: int, rows: int) -> bytes:
    """Return one page of daily rollups of a counter."""
    start = [
        1_700_000_000_000 + 86_400_000 * (page * rows // DEVICES + i // DEVICES)
        for i in range(rows)
    ]
    value = [123_456.0 + page * rows + i for i in range(rows)]
    columns = {
        "start_ms": start, "length_s": [86_400] * rows, "revision": [0] * rows,
        "count": [48] * rows, "expected": [48] * rows, "flagged": [0] * rows,
        "first": value, "first_t_ms": start, "last": value,
        "last_t_ms": [t + 84_600_000 for t in start], "min": value, "max": value, "sum": value,
        "m2": value, "delta": value, "integral": [None] * rows, "covered_s": [None] * rows,
        "histogram": [None] * rows,
    }  # fmt: skip
    rollups = {
        "tenant": "bench",
        "series": [["site", f"device-{n}", "energy_import_wh"] for n in range(DEVICES)],
        "series_id": [i % DEVICES for i in range(rows)],
        **columns,
    }
    text = json.dumps(rollups, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"spool":"{SPOOL}","page":{page},"sha256":"{digest}","rollups":{text}}}'.encode()


def main(rows: int) -> None:
    """Post the pages one after the other and print the rate."""
    bodies = [page_body(page, rows) for page in range(PAGES)]
    with tempfile.TemporaryDirectory() as folder:
        config = BackendConfig(database_url=f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
        app = create_app(config)
        key = app.state.store.create_key("bench", "bench", 0)
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/rollups"
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            client.post(url, content=bodies[0]).raise_for_status()
            begun_s, cpu_s = time.perf_counter(), _cpu_s()
            for body in bodies[1:]:
                client.post(url, content=body).raise_for_status()
            wall_s, cpu_s = time.perf_counter() - begun_s, _cpu_s() - cpu_s
        server.should_exit = True
        thread.join()
        stored = app.state.store.stored("bench")
        assert sum(row["stored"] for row in stored) == 48 * rows * PAGES, "rows are missing"
        app.state.engine.dispose()
    total = rows * (PAGES - 1)
    command = f"bench_ingest.py {rows}"
    for name, value in (
        ("ingest_sqlite_rows", total / wall_s),
        ("ingest_sqlite_rows_cpu", total / cpu_s),
    ):
        unit = "rows/cpu-s" if name.endswith("cpu") else "rows/s"
        print(json.dumps({"name": name, "value": round(value), "unit": unit, "command": command}))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
