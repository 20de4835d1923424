"""Ingest rate: full rollup rows as columnar pages through HTTP, each synced before its answer.

Run: make bench ARGS=bench_ingest, or this file with the rows of a page as argument (5,000, as a
gateway sends). Each rate is given by the clock and by CPU time: client, backend and PostgreSQL's
own processes together. One client waits for each answer before it sends the next page.
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
from collections.abc import Callable
from pathlib import Path

import httpx
import uvicorn
from sqlalchemy import inspect, text

from cobenefit_backend import migrate
from cobenefit_backend.access.credentials import Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.database import open_engine
from cobenefit_hil import postgres

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
    """Measure both databases, PostgreSQL also with its policies switched off."""
    with tempfile.TemporaryDirectory() as folder:
        _measure("ingest_sqlite_rows", f"sqlite:///{Path(folder) / 'bench.sqlite3'}", rows)
    with postgres.Cluster(durable=True) as cluster:
        for name, guarded in (("ingest_postgres_rows", False), ("ingest_postgres_rls_rows", True)):
            database = cluster.create()
            engine = open_engine(cluster.url(database, postgres.OWNER))
            migrate.upgrade(engine)
            with engine.begin() as connection:
                for table in () if guarded else inspect(engine).get_table_names():
                    connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
            engine.dispose()
            _measure(name, cluster.url(database, postgres.APP), rows, cluster.cpu_s)


def _measure(name: str, url: str, rows: int, server_s: Callable[[], float] = float) -> None:
    bodies = [page_body(page, rows) for page in range(PAGES)]
    app = create_app(BackendConfig(database_url=url))
    key = app.state.guard.credentials.create(
        "bench", Kind.KEY, Role.GATEWAY, "bench", now_ms=0, by="bench"
    )
    # With the protocol named, as in `serve`: else asyncio leaves Nagle's algorithm on, and each
    # answer waits 40 ms for an acknowledgement.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/rollups"
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        client.post(address, content=bodies[0]).raise_for_status()
        begun_s, cpu_s = time.perf_counter(), _cpu_s() + server_s()
        for body in bodies[1:]:
            client.post(address, content=body).raise_for_status()
        wall_s, cpu_s = time.perf_counter() - begun_s, _cpu_s() + server_s() - cpu_s
    server.should_exit = True
    thread.join()
    stored = app.state.store.stored("bench")
    app.state.engine.dispose()
    if sum(row["stored"] for row in stored) != 48 * rows * PAGES:
        raise RuntimeError("rows are missing")
    total = rows * (PAGES - 1)
    _print(name, total / wall_s, "rows/s")
    _print(f"{name}_cpu", total / cpu_s, "rows/cpu-s")


def _print(name: str, value: float, unit: str) -> None:
    row = {"name": name, "value": round(value), "unit": unit, "peer": None, "ratio": None}
    print(json.dumps(row), flush=True)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
