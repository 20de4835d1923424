"""What a provider of weather must offer, so that its temperatures can be stored.

This package asks no server. Who wants an online provider writes a class with these two methods
(docs/reference/weather.md shows one) and calls `bring` from a timer.
"""

from typing import Protocol

import msgspec

from cobenefit_backend.bodies import WeatherBody, decode
from cobenefit_backend.store import Store


class WeatherSource(Protocol):
    """A provider of outdoor temperatures."""

    @property
    def credit(self) -> tuple[str, str]:
        """Who measured, and the licence of the data."""
        ...

    def temperatures(self, station: str, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
        """Return the temperatures of a station.

        Parameters
        ----------
        station : str
            The provider's id of the station.
        start_ms, end_ms : int
            Period, end exclusive. [ms]

        Returns
        -------
        list of tuple of int, float
            Time and temperature; a missing hour is left out, never filled. [ms, degC]

        Raises
        ------
        OSError
            If the provider can't be reached.
        """
        ...


def bring(
    store: Store, tenant: str, source: WeatherSource, station: str, span_ms: tuple[int, int]
) -> int:
    """Ask a provider for a period and store what it knows, replacing by station and time.

    Parameters
    ----------
    store : Store
        The store.
    tenant : str
        Whose.
    source : WeatherSource
        The provider.
    station : str
        Its id of the station, as the site names it.
    span_ms : tuple of int
        Period, end exclusive. [ms]

    Returns
    -------
    int
        Temperatures stored. [1]

    Raises
    ------
    RequestError
        422 when the provider gives what no thermometer shows.
    """
    found = source.temperatures(station, *span_ms)
    who, licence = source.credit
    body = {
        "tenant": tenant, "station": station, "source": who, "licence": licence,
        "t_ms": [t_ms for t_ms, _ in found], "temperature_degc": [degc for _, degc in found],
    }  # fmt: skip
    store.add_weather(decode(msgspec.json.encode(body), WeatherBody), by=f"source {who}")
    return len(found)
