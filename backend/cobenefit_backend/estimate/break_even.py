"""When a deployment has paid back what it emitted, and how much of its activity that takes.

    years = one-off / (effect per year - running per year)
    units per year = footprint per year / effect per unit

A deployment whose effect does not outweigh its running emissions never pays back: that is said,
not hidden in a large number.
"""

from collections.abc import Mapping
from typing import Any

from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR, FootprintResult
from cobenefit_backend.estimate.quantity import Interval

UNITS: Mapping[str, tuple[str, str]] = {
    "smart_meter": ("kwh_saved", "savings_interval_kwh"),
    "soil": ("nitrogen_saved_kg", "nitrogen_saved_kg"),
    "traffic": ("vehicles", "vehicles_after"),
    "remote_health": ("consultations", "consultations"),
    "remote_assistance": ("cases", "cases"),
    "industry": ("kwh_saved", "saved_kwh"),
    "data_centre": ("kwh_saved", "saved_kwh"),
    "surveillance": ("releases", "releases"),
}
"""Unit of activity by use case, and the detail that counts it."""


def break_even(
    use_case: str,
    effect_kgco2e: Interval | None,
    footprint: FootprintResult | Interval,
    days: float,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """Say when and by how much activity a deployment pays for itself.

    Parameters
    ----------
    use_case : str
        Design id.
    effect_kgco2e : Interval or None
        Gross - rebound over the period; None where no CO2e may be claimed. [kgCO2e]
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the period (its date is then unknown). [kgCO2e]
    days : float
        Length of the period, > 0. [d]
    details : mapping
        Details of the estimate, among them the count of `UNITS`.

    Returns
    -------
    dict
        `verdict`: `reached`, `after_its_life` (slower than the devices last), `never` (the effect
        does not outweigh the running emissions), `no_effect` (no CO2e is claimed) or `unknown`;
        `years`, `years_earliest`, `years_latest`: None for never [yr]; `effect_kgco2e_per_year`,
        `running_kgco2e_per_year` [kgCO2e/yr] and `owed_kgco2e` [kgCO2e], what they follow from:
        None where unknown; `unit`, `units_per_year`, `units_observed_per_year`: None where there
        is no effect. [1/yr]
    """
    result: dict[str, Any] = {"verdict": "no_effect", **dict.fromkeys((*_YEARS, *_RATES))}
    if effect_kgco2e is None:
        return {**result, "unit": None, "units_per_year": None, "units_observed_per_year": None}
    yearly = effect_kgco2e.scaled(DAYS_PER_YEAR / days)
    own = footprint.scaled(DAYS_PER_YEAR / days) if isinstance(footprint, Interval) else None
    own_central = own.central if own else footprint.total[1].central  # type: ignore[union-attr]
    if isinstance(footprint, FootprintResult):
        result = _payback(yearly, footprint)
    else:
        result["verdict"] = "unknown" if yearly.central > 0 else "never"
    return {**result, **_units(use_case, yearly.central, own_central, days, details)}


_YEARS = ("years", "years_earliest", "years_latest")
_RATES = ("effect_kgco2e_per_year", "running_kgco2e_per_year", "owed_kgco2e")


def _payback(yearly: Interval, own: FootprintResult) -> dict[str, Any]:
    central = _years(own.one_off.central, yearly.central - own.running.central)
    verdict = "never"
    if central is not None:
        verdict = "reached" if yearly.central > own.total[1].central else "after_its_life"
    return {
        "verdict": verdict,
        "years": central,
        "years_earliest": _years(own.one_off.low, yearly.high - own.running.low),
        "years_latest": _years(own.one_off.high, yearly.low - own.running.high),
        "effect_kgco2e_per_year": yearly,
        "running_kgco2e_per_year": own.running,
        "owed_kgco2e": own.one_off,
    }


def _years(owed: float, per_year: float) -> float | None:
    return owed / per_year if per_year > 0 else None


def _units(
    use_case: str, yearly: float, own: float, days: float, details: Mapping[str, Any]
) -> dict[str, Any]:
    unit, key = UNITS.get(use_case, (None, ""))
    counted = details.get(key)
    amount = counted.central if isinstance(counted, Interval) else counted
    per_year = None if amount is None else amount * DAYS_PER_YEAR / days
    reachable = per_year is not None and yearly > 0 and per_year > 0
    return {
        "unit": unit,
        "units_per_year": own / (yearly / per_year) if reachable and per_year else None,
        "units_observed_per_year": per_year,
    }
