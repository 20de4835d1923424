"""A month of half hours, as values and as files."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cobenefit_backend.imports.records import Target

PARIS = ZoneInfo("Europe/Paris")
HALF_MS = 1_800_000


def _midnight_ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp()) * 1000


@pytest.fixture
def target() -> Target:
    return Target("town", "school", "energy_import_wh", "Europe/Paris")


@pytest.fixture
def half_hours() -> Callable[[date, date], list[tuple[int, int]]]:
    """Start and mean power of every half hour between two midnights of Paris. [ms, W]"""

    def between(first: date, end: date) -> list[tuple[int, int]]:
        stamps = range(_midnight_ms(first), _midnight_ms(end), HALF_MS)
        return [(t_ms, 400 + (t_ms // HALF_MS * 7919) % 1600) for t_ms in stamps]

    return between


@pytest.fixture
def csv_bytes() -> Callable[[list[tuple[int, int]]], bytes]:
    """Our own CSV of half hours."""

    def write(rows: list[tuple[int, int]]) -> bytes:
        lines = ["start,end,value,unit"]
        for start_ms, power_w in rows:
            start, end = (
                datetime.fromtimestamp(t / 1000, UTC).isoformat()
                for t in (start_ms, start_ms + HALF_MS)
            )
            lines.append(f"{start},{end},{power_w},W")
        return "\r\n".join(lines).encode()

    return write


@pytest.fixture
def enedis_bytes() -> Callable[[list[tuple[int, int]]], bytes]:
    """The customer's export: each mean power is stamped with the end of its half hour."""

    def write(rows: list[tuple[int, int]]) -> bytes:
        lines = [
            "Identifiant PRM;Type de donnees;Date de debut;Date de fin;Unite",
            "00000000000000;Courbe de charge;01/03/2024;01/04/2024;W",
            "Horodate;Valeur",
        ]
        for start_ms, power_w in rows:
            stamp = datetime.fromtimestamp(start_ms / 1000, UTC) + timedelta(minutes=30)
            lines.append(f"{stamp.astimezone(PARIS).isoformat()};{power_w}")
        return "\r\n".join(lines).encode("utf-8-sig")

    return write
