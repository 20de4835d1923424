"""A small municipality on a real SQLite file: meters, a road and a field, over two years."""

import asyncio
import hashlib
import json
import os
import random
import secrets
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import uvicorn
from hypothesis import settings

from cobenefit_backend import migrate, report_cache
from cobenefit_backend.access.credentials import Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.store import Store, open_engine
from cobenefit_hil import postgres
from cobenefit_hil.services import ServiceError

# An example takes as long as the machine is busy; in CI Hypothesis has such a profile itself.
settings.register_profile("busy", settings.default, deadline=None)
settings.load_profile("busy")

PARIS = ZoneInfo("Europe/Paris")
SPOOL = "0e8b2c52-6c51-4e0b-9b0f-3d1f1a6f0a01"
COLUMNS = (
    "start_ms", "length_s", "revision", "count", "expected", "flagged", "first", "first_t_ms",
    "last", "last_t_ms", "min", "max", "sum", "m2", "delta", "integral", "covered_s", "histogram",
)  # fmt: skip


def midnight_ms(day: date, zone: ZoneInfo = PARIS) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


@pytest.fixture
def counter_row() -> Callable[..., dict[str, Any]]:
    """One daily rollup of a counter read every half hour."""

    def row(day: date, start: float, amount: float, *, count: int = 0, revision: int = 0):
        begin, end = midnight_ms(day), midnight_ms(day + timedelta(days=1))
        slots = (end - begin) // 1_800_000
        step = amount / slots
        last = start + step * (slots - 1)
        return {
            "start_ms": begin, "length_s": (end - begin) // 1000, "revision": revision,
            "count": count or slots, "expected": slots, "flagged": 0,
            "first": start, "first_t_ms": begin, "last": last, "last_t_ms": end - 1_800_000,
            "min": start, "max": last, "sum": 0.0, "m2": 0.0, "delta": amount,
            "integral": None, "covered_s": None, "histogram": None,
        }  # fmt: skip

    return row


@pytest.fixture
def page_body() -> Callable[..., bytes]:
    """Bytes of a spool page, hashed as the contract says."""

    def body(
        series: list[list[str]],
        rows: list[tuple[int, dict[str, Any]]],
        *,
        page: int = 0,
        tenant: str = "demo",
    ) -> bytes:
        rollups = {
            "tenant": tenant,
            "series": series,
            "series_id": [index for index, _ in rows],
            **{name: [row[name] for _, row in rows] for name in COLUMNS},
        }
        text = json.dumps(rollups, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f'{{"spool":"{SPOOL}","page":{page},"sha256":"{digest}","rollups":{text}}}'.encode()

    return body


@pytest.fixture
def kind() -> str:
    """The database of a test; a module that runs on both is parametrised with `kind`."""
    return "sqlite"


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL of our own."""
    try:
        with postgres.Cluster() as running:
            yield running
    except ServiceError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


@pytest.fixture(scope="session")
def migrated(cluster) -> str:
    """A database at head that tests copy, which is quicker than migrating."""
    name = cluster.create()
    engine = open_engine(cluster.url(name, postgres.OWNER))
    migrate.upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def new_database(kind, tmp_path, request) -> Callable[[], str]:
    """Make one more empty database of this kind and return its URL."""

    def sqlite() -> str:
        return f"sqlite:///{tmp_path / secrets.token_hex(4)}.sqlite3"

    def postgresql() -> str:
        cluster = request.getfixturevalue("cluster")
        name = cluster.create(request.getfixturevalue("migrated"))
        return cluster.url(name, postgres.APP)

    return sqlite if kind == "sqlite" else postgresql


@pytest.fixture
def config(new_database) -> BackendConfig:
    return BackendConfig(database_url=new_database())


@pytest.fixture
def store(config: BackendConfig) -> Store:
    engine = open_engine(config.database_url)
    migrate.upgrade(engine)
    yield Store(engine)
    engine.dispose()


def new_key(app, tenant: str = "demo", role: str = "admin", kind: str = "key") -> str:
    return app.state.guard.credentials.create(
        tenant, Kind(kind), Role(role), "test", now_ms=time.time_ns() // 1_000_000, by="test"
    )


@pytest.fixture(name="new_key")
def _new_key():
    """Make a credential of the application."""
    return new_key


class Client:
    """Speaks to the application through ASGI, as a gateway and as a reader."""

    def __init__(self, app, key: str) -> None:
        self.app = app
        self.headers = {"Authorization": f"Bearer {key}"}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        options["headers"] = {**self.headers, **options.get("headers", {})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as inner:
                return await inner.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@pytest.fixture
def client(config: BackendConfig):
    app = create_app(config)
    yield Client(app, new_key(app))
    app.state.engine.dispose()


def _health(device: str, site: str) -> dict[str, Any]:
    return {
        "site": site, "device": device, "t_ms": 1_700_000_000_000, "boot": 7,
        "uptime_ms": 90_000, "wakes": 40, "energy_mj": 45_000, "energy_method": "profile",
        "tx_bytes": 1_200_000, "rx_bytes": 90_000, "reconnects": 1, "resets": 1,
        "battery_mv": None, "waiting": 0, "lost": {"energy_import_wh": 3}, "online": True,
    }  # fmt: skip


STUDY = {
    "tenant": "demo",
    "territory": "hauts-de-france",
    "names": {"en": "Demo municipality", "fr": "Collectivité de démonstration"},
    "site": [
        {"id": "town", "timezone": "Europe/Paris", "station": "S1"},
        {"id": "nowhere", "timezone": "Europe/Paris"},
        {"id": "farm", "timezone": "Europe/Paris"},
    ],
    "device": [
        {
            "id": "school", "site": "town", "board": "unix",
            "lifetime_years": 5, "accelerated": True,
        },
        {
            "id": "house", "site": "nowhere", "board": "unix",
            "lifetime_years": 5, "accelerated": True,
        },
        {
            "id": "road", "site": "nowhere", "board": "unix",
            "lifetime_years": 5, "accelerated": True, "shared_by": 2,
        },
        {
            "id": "probe", "site": "farm", "board": "esp32_generic",
            "lifetime_years": 5, "accelerated": True,
        },
    ],
    "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 4},
    "study": [
        {
            "id": "school", "use_case": "smart_meter", "data_origin": "measured", "site": "town",
            "devices": ["school"], "channel": "energy_import_wh",
            "baseline": ["2023-01-01", "2024-01-01"], "reporting": ["2024-01-01", "2025-01-01"],
            "names": {"en": "the school <b>Jules-Ferry</b>", "fr": "l'école Jules-Ferry"},
            "attribution": "Test data & co.",
        },
        {
            "id": "house-test", "use_case": "smart_meter", "data_origin": "measured",
            "site": "nowhere", "devices": ["house"], "channel": "energy_import_wh",
            "placebo": True,
            "baseline": ["2023-01-01", "2024-01-01"], "reporting": ["2024-01-01", "2025-01-01"],
            "names": {"en": "the house", "fr": "la maison"},
        },
        {
            "id": "road", "use_case": "traffic", "data_origin": "measured", "site": "nowhere",
            "devices": ["road"], "channel": "vehicle_count", "length_km": 1.2,
            "classes": {"car_petrol": 0.5, "car_diesel": 0.5},
            "speed_before_km_h": 20, "speed_after_km_h": 25,
            "baseline": ["2023-01-01", "2024-01-01"], "reporting": ["2024-01-01", "2025-01-01"],
            "names": {"en": "the avenue", "fr": "l'avenue"},
        },
        {
            "id": "field", "use_case": "soil", "data_origin": "synthetic", "site": "farm",
            "devices": ["probe"], "channel": "soil_moisture_ratio", "area_ha": 2,
            "fertiliser": "ammonium_nitrate",
            "baseline": ["2023-03-01", "2023-08-01"], "reporting": ["2024-03-01", "2024-08-01"],
            "names": {"en": "the wheat field", "fr": "le champ de blé"},
        },
    ],
}  # fmt: skip


def _temperature(day: date) -> float:
    import math

    return 11 - 9 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)


def _pages(counter_row, page_body):
    rng = random.Random(7)
    series = [
        ["town", "school", "energy_import_wh"],
        ["nowhere", "house", "energy_import_wh"],
        ["nowhere", "road", "vehicle_count"],
        ["farm", "probe", "soil_moisture_ratio"],
    ]
    registers, rows = [0.0, 0.0, 0.0], []
    for offset in range(1100):
        day = date(2022, 6, 1) + timedelta(days=offset)
        heat = max(15 - _temperature(day), 0)
        cut = 0.8 if day >= date(2024, 1, 1) else 1.0
        amounts = [
            round((90 + 14 * heat) * cut * rng.uniform(0.9, 1.1)) * 1000,
            round(24 * rng.uniform(0.5, 1.5) * (1.3 if heat else 0.8)) * 1000,
            rng.randrange(8000, 9000),
        ]
        for index, amount in enumerate(amounts):
            if index == 0 and date(2024, 6, 3) <= day < date(2024, 6, 20):
                continue  # the meter was off: a gap, drawn as one
            rows.append((index, counter_row(day, registers[index], amount)))
            registers[index] += amount
        if date(2024, 3, 1) <= day < date(2024, 8, 1):
            rows.append((3, {**counter_row(day, 0, 1), "delta": None}))
    return [page_body(series, rows[i : i + 1000], page=i) for i in range(0, len(rows), 1000)]


def _fill(client: Client, counter_row, page_body) -> None:
    def post(path: str, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = client.post(f"/v1/{path}", content=data)
        assert answer.status_code == 202, answer.text

    for page in _pages(counter_row, page_body):
        post("rollups", page)
    days = [date(2022, 6, 1) + timedelta(days=n) for n in range(1100)]
    stamps = [midnight_ms(day) + 3_600_000 * hour for day in days for hour in (3, 9, 15, 21)]
    values = [_temperature(day) for day in days for _ in range(4)]
    post(
        "weather",
        {"tenant": "demo", "station": "S1", "source": "test", "licence": "CC0",
         "t_ms": stamps, "temperature_degc": values},
    )  # fmt: skip
    post("studies", STUDY)
    ids = [("town", "school"), ("nowhere", "house"), ("nowhere", "road"), ("farm", "probe")]
    post("health", {"tenant": "demo", "rows": [_health(device, site) for site, device in ids]})
    post("quarantine", {"tenant": "demo", "rows": [
        {"site": "town", "device": "school", "channel": "energy_import_wh", "reason": "crc",
         "readings": 0, "packs": 2, "first_t_ms": 1, "last_t_ms": 2, "detail": "bad CRC"},
        {"site": "town", "device": "school", "channel": "energy_import_wh",
         "reason": "counter_went_back", "readings": 4, "packs": 0, "first_t_ms": 1,
         "last_t_ms": 2, "detail": ""},
        {"site": "", "device": "", "channel": "", "reason": "topic", "readings": 0, "packs": 1,
         "first_t_ms": None, "last_t_ms": None, "detail": "cb/x"},
    ]})  # fmt: skip
    rows = [
        {"id": f"{when}-{strip}-{arm}-{quantity}", "site": "farm", "use_case": "soil",
         "date": when, "place": f"strip {strip}", "quantity": quantity,
         "amount": amount + strip / 50, "unit": unit, "arm": arm,
         "evidence": "synthetic log", "author": "test"}
        for strip in range(1, 5)
        for arm, nitrogen, wheat in (("practice", 80, 8.3), ("advised", 64, 8.4))
        for when, quantity, unit, amount in (
            ("2024-04-03", "nitrogen", "kg/ha", nitrogen), ("2024-07-15", "yield", "t/ha", wheat)
        )
    ]  # fmt: skip
    post("activities", {"tenant": "demo", "rows": rows})


@pytest.fixture(autouse=True, scope="session")
def patient_pages():
    """Let pages wait for what was just stored, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_cache, "PATIENCE_S", 300.0)
        yield


@pytest.fixture
def municipality(client, counter_row, page_body):
    """The client of a backend that holds the whole municipality."""
    _fill(client, counter_row, page_body)
    return client


@pytest.fixture
def served(municipality):
    """The address of the municipality's backend, on a real socket."""
    config = uvicorn.Config(municipality.app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:  # the socket is bound, but nobody listens on it before
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    yield "http://{}:{}".format(*listener.getsockname())
    server.should_exit = True
    thread.join()


@pytest.fixture
def municipality_at(counter_row, page_body):
    """Fill one more backend, at a URL, and return its client; the caller disposes its engine."""

    def fill(url: str) -> Client:
        app = create_app(BackendConfig(database_url=url))
        client = Client(app, new_key(app))
        _fill(client, counter_row, page_body)
        return client

    return fill


@pytest.fixture
def study_document() -> dict[str, Any]:
    return json.loads(json.dumps(STUDY))
