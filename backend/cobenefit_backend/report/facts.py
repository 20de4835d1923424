"""The quantities behind a figure that has no chart of its own: one table per use case."""

from collections.abc import Mapping
from typing import Any, Literal

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.view import CaseView

Kind = Literal["count", "number", "ratio", "mass"]
FACTS: Mapping[str, tuple[tuple[str, Kind], ...]] = {
    "remote_health": (
        ("consultations", "count"), ("distance_km", "number"), ("follow_up_ratio", "ratio"),
        ("would_not_have_come_ratio", "ratio"), ("per_consultation_kgco2e", "mass"),
        ("link_kgco2e", "mass"),
    ),
    "remote_assistance": (
        ("cases", "count"), ("resolved_ratio", "ratio"), ("km_per_visit", "number"),
        ("break_even_km", "number"), ("equipment_kgco2e", "mass"),
    ),
    "industry": (
        ("saved_kwh", "number"), ("specific_energy_before_kwh", "number"),
        ("specific_energy_after_kwh", "number"), ("output_growth_ratio", "ratio"),
        ("r2_adj", "number"), ("cv_rmse", "number"),
    ),
    "data_centre": (
        ("pue_before", "number"), ("pue_after", "number"), ("saved_kwh", "number"),
        ("balance_degc", "number"), ("r2_adj", "number"),
    ),
    "surveillance": (
        ("threshold", "number"), ("hours_above_ratio_before", "ratio"),
        ("hours_above_ratio_after", "ratio"), ("excess_before", "number"),
        ("excess_after", "number"), ("detection_h_before", "number"),
        ("detection_h_after", "number"), ("releases", "count"),
    ),
    "climate_event": (
        ("events", "count"), ("pod", "ratio"), ("far", "ratio"), ("csi", "ratio"),
        ("lead_h_median", "number"), ("lead_h_least", "number"), ("brier", "number"),
        ("brier_skill", "number"), ("people_warned", "count"),
    ),
}  # fmt: skip


def facts(view: CaseView) -> list[tuple[str, str]]:
    """Return the quantities of a case in words, in the order of its use case.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    list of tuple of str
        Name and value; "no data" where a quantity is not known.
    """
    details = view.case.estimate.details
    words = view.reader.words
    return [
        (
            words(f"fact_{name}", unit=details.get("unit", "")),
            _written(view.reader, details[name], kind),
        )
        for name, kind in FACTS.get(view.case.estimate.use_case, ())
        if name in details
    ]


def _written(reader: Reader, value: Any, kind: Kind) -> str:
    if value is None:
        return reader.words("no_data")
    if isinstance(value, Interval):
        ends = reader.words(
            "span", low=_one(reader, value.low, kind), high=_one(reader, value.high, kind)
        )
        return f"{_one(reader, value.central, kind)} ({ends})"
    return _one(reader, value, kind)


def _one(reader: Reader, value: float, kind: Kind) -> str:
    form = reader.format
    if kind == "count":
        return form.exact(value)
    if kind == "ratio":
        return form.signed_percent(value)
    return form.mass(value) if kind == "mass" else form.precise(value)
