"""What the store holds for a study, and the small steps that every use case shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.net import Effect, net
from cobenefit_backend.estimate.quantity import Disqualification, Estimate
from cobenefit_backend.report.series import daily_energy
from cobenefit_backend.study_kinds import Study

FloatArray = NDArray[np.float64]
Row = Mapping[str, Any]
Answer = tuple[Estimate, dict[str, Any]]
StudyT = TypeVar("StudyT", bound=Study)
LOG_KEYS = ("date", "place", "arm", "quantity", "amount", "unit")
MAX_LOG_ROWS = 200


@dataclass(frozen=True, slots=True)
class Gathered(Generic[StudyT]):
    """What the store holds for a study.

    Parameters
    ----------
    study : Study
        The question.
    timezone : str
        Time zone of the site.
    daily : mapping
        Daily rollups by channel, then device, in time order.
    fine : mapping
        Rollups of an hour or less by channel, then device; empty without consent for them.
    weather : sequence of mapping
        Temperatures of the site's station.
    activities : sequence of mapping
        Activities of the site and use case.
    accuracy : mapping
        Name of the accuracy class by device; empty where none is given.
    """

    study: StudyT
    timezone: str
    daily: Mapping[str, Mapping[str, Sequence[Row]]]
    fine: Mapping[str, Mapping[str, Sequence[Row]]]
    weather: Sequence[Row]
    activities: Sequence[Row]
    accuracy: Mapping[str, str] = field(default_factory=dict)

    @property
    def rollups(self) -> Mapping[str, Sequence[Row]]:
        """Daily rollups of the study's channel by device."""
        return self.daily.get(self.study.channel, {})

    @property
    def sides(self) -> dict[str, tuple[date, date]]:
        """Periods `before` and `after`, ends exclusive."""
        start, end, reporting_start, reporting_end = self.study.periods
        return {"before": (start, end), "after": (reporting_start, reporting_end)}

    @property
    def days(self) -> float:
        """Length of the reporting period.

        Returns
        -------
        float
            Length. [d]
        """
        _, _, start, end = self.study.periods
        return float((end - start).days)

    def logged(self, side: str = "after") -> list[Row]:
        """Return the activities of a period."""
        start, end = (day.isoformat() for day in self.sides[side])
        return [row for row in self.activities if start <= row["date"] < end]

    def energy(self, channel: str) -> dict[str, Daily]:
        """Return the daily energy of all devices together on both sides.

        Parameters
        ----------
        channel : str
            A counter in Wh.

        Returns
        -------
        dict of Daily
            By side, every day of the period; NaN where a device lacks the day. [kWh]
        """
        rows = self.daily.get(channel, {})
        series = [daily_energy(each, self.weather, self.timezone) for each in rows.values()]
        series = [each for each in series if len(each.day)]
        return {side: _added(series, *period) for side, period in self.sides.items()}


def _added(series: Sequence[Daily], start: date, end: date) -> Daily:
    span = np.arange(np.datetime64(start), np.datetime64(end))
    if not series:
        return Daily(span, np.full(len(span), np.nan), None)
    parts = [_on(span, each.day, each.energy_kwh) for each in series]
    weather = next((each for each in series if each.temperature_degc is not None), None)
    degc = None if weather is None else _on(span, weather.day, weather.temperature_degc)
    return Daily(span, np.sum(parts, axis=0), degc)


def _on(
    span: NDArray[np.datetime64], day: NDArray[np.datetime64], value: FloatArray | None
) -> FloatArray:
    """Lay values by day on a span of days; NaN where there is none."""
    found = np.full(len(span), np.nan)
    if value is not None and len(day):
        index = (day - span[0]).astype(np.intp)
        inside = (index >= 0) & (index < len(span))
        found[index[inside]] = value[inside]
    return found


def total(rows: Sequence[Row], quantity: str) -> float:
    """Add up the amounts of one quantity.

    Parameters
    ----------
    rows : sequence of mapping
        Activities.
    quantity : str
        Which of them.

    Returns
    -------
    float
        Sum; 0 for none. [unit of the quantity]
    """
    return float(sum(row["amount"] for row in rows if row["quantity"] == quantity))


def log(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the first activities as a table, bounded for the page; their count is elsewhere."""
    return [{key: row[key] for key in LOG_KEYS} for row in rows[:MAX_LOG_ROWS]]


def no_figure(
    data: Gathered[Any], footprint: FootprintResult, record: Disqualification
) -> Estimate:
    """Return an estimate without CO2e, with the reason.

    Parameters
    ----------
    data : Gathered
        The study.
    footprint : FootprintResult
        Yearly footprint of its devices.
    record : Disqualification
        Why.

    Returns
    -------
    Estimate
        Class N.
    """
    return net(
        Effect(
            use_case=data.study.use_case, evidence_class="N", label="not enough data",
            gross_kgco2e=None, rebound_kgco2e=None, second_order_kgco2e=None,
            second_order_marginal_kgco2e=None, period_days=data.days, coverage_ratio=0.0,
            data_origin=data.study.data_origin, disqualifications=(record,),
        ),
        footprint,
    )  # fmt: skip


def not_enough(data: Gathered[Any], footprint: FootprintResult, error: ValueError) -> Estimate:
    """Return an estimate without CO2e because an estimator refused the stored data."""
    text = "The stored data are not enough for a figure."
    record = Disqualification("not_enough_data", text, {"reason": str(error)})
    return no_figure(data, footprint, record)


def with_records(estimate: Estimate, records: tuple[Disqualification, ...]) -> Estimate:
    """Return an estimate with further reasons for caution."""
    return replace(estimate, disqualifications=(*estimate.disqualifications, *records))


def logged_ratio(logged: int, held: int) -> float:
    """Return the share of what was held that was logged.

    Parameters
    ----------
    logged, held : int
        Rows logged, and how many the provider counted, 0 where nobody did. [1]

    Returns
    -------
    float
        Share; 1 where nobody counted. [1]
    """
    return min(logged / held, 1.0) if held else 1.0


def held_record(held: int) -> tuple[Disqualification, ...]:
    """Say that nobody knows whether everything was logged, if so.

    Parameters
    ----------
    held : int
        How many the provider counted, 0 where nobody did. [1]

    Returns
    -------
    tuple of Disqualification
        `log_not_checked`, or nothing.
    """
    if held:
        return ()
    text = "Nobody counted how many there were: whether all are logged is not known."
    return (Disqualification("log_not_checked", text),)
