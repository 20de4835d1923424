"""Nine studies, one per use case, on a real SQLite file; built once for all tests here."""

import math
import random
from datetime import date, timedelta

import msgspec
import pytest

from cobenefit_backend import migrate, study
from cobenefit_backend.bodies import ActivityBody, ActivityRow, PageEnvelope, Rollups, WeatherBody
from cobenefit_backend.report.build import build
from cobenefit_backend.store import Store, open_engine

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
BEFORE, AFTER, END = date(2023, 1, 1), date(2024, 1, 1), date(2024, 12, 31)
PERIODS = {
    "baseline": [BEFORE.isoformat(), AFTER.isoformat()],
    "reporting": [AFTER.isoformat(), END.isoformat()],
}
COUNTERS = ("school", "hall", "it", "workshop", "avenue", "lane")


def _ms(day):
    return (day - date(1970, 1, 1)).days * DAY_MS


def _degc(day):
    return 11 - 9 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)


def _output(day):
    return 0.0 if day.weekday() == 6 else 80.0 + 40 * (day.toordinal() % 5)


def _amounts(day, rng):
    """Daily increases of the six counters: Wh, and vehicles."""
    after, noise = day >= AFTER, rng.uniform(0.98, 1.02)
    it = 2400 * rng.uniform(0.9, 1.1)
    pue = (1.6 if after else 1.8) + 0.01 * max(_degc(day) - 12, 0)
    return (
        (90 + 14 * max(15 - _degc(day), 0)) * (0.8 if after else 1) * noise * 1000,
        it * pue * 1000,
        it * 1000,
        (300 + 5 * _output(day)) * (0.85 if after else 1) * noise * 1000,
        # 1 000 of 9 000 vehicles moved to the lane
        round((8000 if after else 9000) * noise),
        round((2000 if after else 1000) * noise),
    )


def _window(start_ms, length_s, **fields):
    blank = dict.fromkeys(Rollups.__struct_fields__[3:])
    whole = {"start_ms": start_ms, "length_s": length_s, "revision": 0, "count": 48,
             "expected": 48, "flagged": 0}  # fmt: skip
    return {**blank, **whole, **fields}


def _series():
    rng = random.Random(11)
    registers = [0.0] * len(COUNTERS)
    names = [
        ["town", "school", "energy_import_wh"], ["town", "hall", "energy_import_wh"],
        ["town", "hall", "energy_import_wh_2"], ["town", "workshop", "energy_import_wh"],
        ["town", "avenue", "vehicle_count"], ["town", "lane", "vehicle_count"],
        ["town", "avenue", "travel_time_s"], ["town", "lane", "travel_time_s"],
        ["town", "mast", "pm2_5_kg_m3"],
    ]  # fmt: skip
    rows = []
    for offset in range((END - BEFORE).days):
        day = BEFORE + timedelta(days=offset)
        start = _ms(day)
        for index, amount in enumerate(_amounts(day, rng)):
            first = registers[index]
            registers[index] += amount
            last = first + amount * 47 / 48
            rows.append((index, _window(
                start, 86_400, first=first, first_t_ms=start, last=last,
                last_t_ms=start + 47 * 1_800_000, min=first, max=last, sum=0.0, m2=0.0,
                delta=amount,
            )))  # fmt: skip
        travel_s = (150.0, 180.0) if day >= AFTER else (180.0, 180.0)
        for index, mean_s in zip((6, 7), travel_s, strict=True):
            rows.append((index, _window(start, 86_400, count=50, sum=50 * mean_s)))
        if offset % 365 < 30:
            level = 12e-9 if day >= AFTER else 20e-9
            rows += [
                (8, _window(start + hour * HOUR_MS, 3600, count=6, sum=6 * level * (hour % 3 + 1)))
                for hour in range(24)
            ]
    return names, rows


def _store_series(store):
    names, rows = _series()
    columns = {name: [row[name] for _, row in rows] for name in Rollups.__struct_fields__[3:]}
    page = Rollups(tenant="nine", series=names, series_id=[index for index, _ in rows], **columns)
    spool = "0e8b2c52-6c51-4e0b-9b0f-3d1f1a6f0a01"
    store.add_page(PageEnvelope(spool, 0, "0" * 64, msgspec.Raw(b"{}")), page, 0)
    days = [BEFORE + timedelta(days=n) for n in range((END - BEFORE).days)]
    store.add_weather(WeatherBody(
        "nine", "S1", "test", "CC0", [_ms(day) + DAY_MS // 2 for day in days],
        [_degc(day) for day in days],
    ))  # fmt: skip


def _logged():
    """Yield use case, date, place, quantity, amount, unit, arm."""
    for strip in range(1, 7):
        for arm, nitrogen, wheat in (("practice", 180, 8.3), ("advised", 140, 8.4)):
            yield (
                "soil",
                "2024-04-03",
                f"strip {strip}",
                "nitrogen",
                nitrogen + strip / 5,
                "kg/ha",
                arm,
            )
            yield "soil", "2024-07-15", f"strip {strip}", "yield", wheat + strip / 50, "t/ha", arm
    for n in range(120):
        day = (AFTER + timedelta(days=3 * n)).isoformat()
        mode = "car_diesel" if n % 2 else "train" if n % 3 else ""
        yield "remote_health", day, f"commune {n % 9}", "consultation", 20.0 + n % 30, "km", mode
        arm = "visited_later" if n % 10 == 0 else "resolved"
        yield "remote_assistance", day, f"pump {n % 7}", "case", 1.0, "1", arm
        if n % 10 == 0:
            yield "remote_assistance", day, f"pump {n % 7}", "visit", 40.0 + n % 4, "km", ""
    for name, amount in (("follow_up", 9.0), ("asked", 60.0), ("would_not_have_come", 6.0)):
        yield "remote_health", "2024-12-01", "practice", name, amount, "1", ""
    for offset in range((END - BEFORE).days):
        day = BEFORE + timedelta(days=offset)
        yield "industry", day.isoformat(), "line", "output", _output(day), "piece", "part"
    for n in range(12):
        day = (AFTER + timedelta(days=20 * n)).isoformat()
        arm = "hit" if n % 4 else "false_alarm"
        yield "climate_event", day, "river", "warning", 6.0 + n if n % 4 else 0.0, "h", arm
        came = "came" if n % 4 else "did_not_come"
        yield "climate_event", day, "river", "forecast", 0.8 if n % 4 else 0.3, "1", came
    yield "climate_event", "2024-11-01", "river", "missed_event", 2.0, "1", ""
    yield "climate_event", "2024-11-01", "river", "people_warned", 340.0, "1", ""
    for day, hours in (("2023-03-01", 30.0), ("2023-05-01", 20.0), ("2024-03-01", 2.0)):
        yield "surveillance", day, "mast", "detection", hours, "h", ""


def _store_activities(store):
    keys = ("use_case", "date", "place", "quantity", "amount", "unit", "arm")
    rows = [
        ActivityRow(id=f"a{n}", site="town", evidence="log book", author="clerk",
                    **dict(zip(keys, values, strict=True)))
        for n, values in enumerate(_logged())
    ]  # fmt: skip
    store.add_activities(ActivityBody("nine", rows))


CASES = {
    "smart_meter": {"devices": ["school"], "channel": "energy_import_wh"},
    "soil": {"devices": ["probe"], "area_ha": 40, "fertiliser": "ammonium_nitrate"},
    "traffic": {
        "devices": ["avenue", "lane"], "channel": "vehicle_count",
        "link_channel": "travel_time_s", "length_km": 1.5,
        "classes": {"car_petrol": 0.5, "car_diesel": 0.4, "rigid": 0.1},
        "parallel": [{"name": "the lane", "devices": ["lane"], "length_km": 1.8}],
    },
    "remote_health": {
        "devices": ["probe"], "mode_share": {"car_diesel": 0.7, "bus": 0.3}, "gigabytes": 0.5,
        "held": 125,
    },
    "remote_assistance": {"devices": ["probe"], "held": 120},
    "industry": {"devices": ["workshop"], "channel": "energy_import_wh"},
    "data_centre": {
        "devices": ["hall"], "channel": "energy_import_wh", "it_channel": "energy_import_wh_2",
    },
    "surveillance": {
        "devices": ["mast"], "channel": "pm2_5_kg_m3", "threshold": 25, "unit": "µg/m³",
        "scale": 1e9,
    },
    "climate_event": {"devices": ["probe"]},
}  # fmt: skip
NINE = {
    "tenant": "nine",
    "names": {"en": "Nine use cases", "fr": "Neuf cas d'usage"},
    "site": [{"id": "town", "timezone": "Etc/UTC", "station": "S1"}],
    "device": [
        {"id": name, "site": "town", "board": "esp32_generic", "lifetime_years": 5,
         "accelerated": True}
        for name in ("school", "hall", "workshop", "avenue", "lane", "mast", "probe")
    ],
    "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 20},
    "study": [
        {"id": name.replace("_", "-"), "use_case": name, "data_origin": "measured",
         "site": "town", "names": {"en": f"A test of {name}", "fr": f"Un essai de {name}"},
         **PERIODS, **keys}
        for name, keys in CASES.items()
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def nine_store(tmp_path_factory):
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('nine') / 'store.sqlite3'}")
    migrate.upgrade(engine)
    store = Store(engine)
    store.put_study("nine", msgspec.json.encode(study.parse(NINE)), 0)
    _store_series(store)
    _store_activities(store)
    yield store
    engine.dispose()


@pytest.fixture(scope="session")
def nine(nine_store):
    """The report of nine studies, one per use case."""
    return build(nine_store, "nine")


@pytest.fixture(scope="session")
def empty_nine(tmp_path_factory):
    """The report of the same nine studies before anything was stored."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'store.sqlite3'}")
    migrate.upgrade(engine)
    store = Store(engine)
    store.put_study("nine", msgspec.json.encode(study.parse(NINE)), 0)
    yield build(store, "nine")
    engine.dispose()
