"""A small municipality behind a real HTTP server, filled once for each database."""

import asyncio
import json
import threading
import time
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx
import pytest
import uvicorn

from cobenefit_backend.access.credentials import Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.bodies import VALUE_COLUMNS, PageEnvelope, Rollups
from cobenefit_backend.config import BackendConfig
from cobenefit_hil import postgres

PARIS = ZoneInfo("Europe/Paris")
SERIES = [
    ("town", "school", "energy_import_wh"),
    ("nowhere", "house", "energy_import_wh"),
    ("nowhere", "road", "vehicle_count"),
    ("farm", "probe", "soil_moisture_ratio"),
]
GAP = range(200, 217)
STUDY = {
    "tenant": "demo",
    "names": {"en": "Demo", "fr": "Démo"},
    "site": [{"id": "town", "timezone": "Europe/Paris"}],
    "device": [
        {"id": "school", "site": "town", "board": "unix", "lifetime_years": 5, "accuracy": ""}
    ],
    "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 4},
    "study": [],
}  # fmt: skip


def _row(start_ms: int, length_s: int, slots: int, amount: float) -> dict:
    row = dict.fromkeys(VALUE_COLUMNS)
    return {
        **row, "start_ms": start_ms, "length_s": length_s, "revision": 0, "count": slots,
        "expected": slots, "flagged": 0, "sum": 0.25 * slots, "delta": amount,
    }  # fmt: skip


def _rows():
    ends = [
        round(datetime.combine(date(2023, 7, 1) + timedelta(n), datetime.min.time(), PARIS)
              .timestamp() * 1000)
        for n in range(401)
    ]  # fmt: skip
    for n, (start, end) in enumerate(pairwise(ends)):
        length_s = (end - start) // 1000
        for series in range(4):
            if not (series == 0 and n in GAP) and not (series == 3 and n >= 100):
                yield series, _row(start, length_s, length_s // 1800, 10_000.0 + n)
    first = round(datetime(2024, 1, 1, tzinfo=PARIS).timestamp() * 1000)
    yield from ((0, _row(first + 3_600_000 * n, 3600, 2, 500.0 + n)) for n in range(48))


def _fill(app) -> None:
    rows = list(_rows())
    columns = Rollups(
        tenant="demo",
        series=SERIES,
        series_id=[series for series, _ in rows],
        **{name: [row[name] for _, row in rows] for name in VALUE_COLUMNS},
    )
    envelope = PageEnvelope(spool="0" * 32, page=0, sha256="0" * 64, rollups=b"")
    assert app.state.store.add_page(envelope, columns, 0)
    app.state.store.put_study("demo", json.dumps(STUDY).encode(), 0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request, tmp_path_factory):
    """The application on a filled database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('sta') / 'town.sqlite3'}"
    if request.param == "postgresql":
        cluster = request.getfixturevalue("cluster")
        name = cluster.create(request.getfixturevalue("migrated"))
        url = cluster.url(name, postgres.APP)
    app = create_app(BackendConfig(database_url=url))
    _fill(app)
    yield app
    app.state.engine.dispose()


@pytest.fixture(scope="module")
def served(town):
    """Its address on loopback."""
    config = uvicorn.Config(town, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    started = threading.Event()

    async def serve() -> None:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        started.set()
        await server.main_loop()
        await server.shutdown()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(90)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/sta/v1.1"
    server.should_exit = True
    thread.join(90)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def key_of(town):
    """Make a viewer's key of a tenant."""

    def made(tenant: str) -> str:
        now_ms = time.time_ns() // 1_000_000
        credentials = town.state.guard.credentials
        return credentials.create(
            tenant, Kind.KEY, Role.VIEWER, "test", now_ms=now_ms, by="test"
        )  # fmt: skip

    return made


@pytest.fixture(scope="module")
def http(served, key_of):
    """A client of HTTP with the key of a viewer."""
    headers = {"Authorization": f"Bearer {key_of('demo')}"}
    with httpx.Client(headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def sta(http, served):
    """Ask the service and return its JSON, or fail with its text."""

    def ask(path: str, expected: int = 200):
        answer = http.get(path if path.startswith("http") else f"{served}/{path}")
        assert answer.status_code == expected, answer.text
        return answer.json()

    return ask
