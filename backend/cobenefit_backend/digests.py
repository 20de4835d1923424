"""Digests of what was measured, so that a figure can be followed back to the rows behind it.

Only what was measured enters: no row number, no time of arrival, no revision. The same data
stored twice in another order, or in another database, give the same digest.
"""

import hashlib
from itertools import chain, groupby
from typing import Any

import msgspec

from cobenefit_backend.database import Database, owned

Series = tuple[str, str, str]
"""Site, device and channel."""
_ROLLUPS = (
    "SELECT site, device, channel, start_ms, length_s, count, expected, first, first_t_ms, last, "
    "last_t_ms, min, max, sum, m2, delta, integral, covered_s, histogram "
    "FROM {rollup} JOIN {series} ON series.id = series_id "
    "ORDER BY site, device, channel, start_ms, length_s"
)
_AT_ONCE = 10_000
_WEATHER = "SELECT station, t_ms, temperature_degc FROM {weather} ORDER BY station, t_ms"


def windows_of(database: Database, tenant: str) -> dict[Series, tuple[int, str]]:
    """Return how many windows of each series are stored, and a SHA-256 over their rows.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        The tenant.

    Returns
    -------
    dict
        By site, device and channel: windows, and the digest.
    """
    found: dict[Series, tuple[int, str]] = {}
    with database.reading(tenant) as connection:
        found_rows = connection.execute(owned(_ROLLUPS), {"tenant": tenant})
        rows = chain.from_iterable(found_rows.partitions(_AT_ONCE))
        for key, windows in groupby(map(tuple, rows), key=_series_of):
            values = [row[3:] for row in windows]
            found[key] = len(values), hashlib.sha256(msgspec.json.encode(values)).hexdigest()
    return found


def _series_of(row: tuple[Any, ...]) -> Series:
    return row[0], row[1], row[2]


def series_digest(
    database: Database, tenant: str, windows: dict[Series, tuple[int, str]] | None = None
) -> str:
    """Return a SHA-256 over the rollups and temperatures of a tenant.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        The tenant.
    windows : dict, optional
        From `windows_of`, where it is known already.

    Returns
    -------
    str
        Hexadecimal.
    """
    windows = windows_of(database, tenant) if windows is None else windows
    digest = hashlib.sha256(
        msgspec.json.encode([[*key, *value] for key, value in windows.items()])
    )
    with database.reading(tenant) as connection:
        rows = connection.execute(owned(_WEATHER), {"tenant": tenant})
        digest.update(msgspec.json.encode(list(map(tuple, rows))))
    return digest.hexdigest()
