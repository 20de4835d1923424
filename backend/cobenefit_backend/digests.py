"""Digests of what was measured, so that a figure can be followed back to the rows behind it.

Only what was measured enters: no row number, no time of arrival, no revision. The same data
stored twice in another order, or in another database, give the same digest.
"""

import hashlib
from typing import Any

from cobenefit_backend.database import Database, owned

Series = tuple[str, str, str]
"""Site, device and channel."""
_ROLLUPS = (
    "SELECT site, device, channel, start_ms, length_s, count, expected, first, first_t_ms, last, "
    "last_t_ms, min, max, sum, m2, delta, integral, covered_s, histogram "
    "FROM {rollup} JOIN {series} ON series.id = series_id "
    "ORDER BY site, device, channel, start_ms, length_s"
)
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
    found: dict[Series, tuple[int, Any]] = {}
    with database.reading(tenant) as connection:
        for row in connection.execute(owned(_ROLLUPS), {"tenant": tenant}):
            key = (row[0], row[1], row[2])
            windows, digest = found.get(key) or (0, hashlib.sha256())
            digest.update(repr(tuple(row)).encode())
            found[key] = windows + 1, digest
    return {key: (windows, digest.hexdigest()) for key, (windows, digest) in found.items()}


def series_digest(database: Database, tenant: str) -> str:
    """Return a SHA-256 over the rollups and temperatures of a tenant.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        The tenant.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    with database.reading(tenant) as connection:
        for query in (_ROLLUPS, _WEATHER):
            for row in connection.execute(owned(query), {"tenant": tenant}):
                digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()
