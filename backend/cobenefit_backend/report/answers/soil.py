"""Logged nitrogen and yields become the inputs of `soil`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cobenefit_backend.estimate import soil
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.estimate.strips import from_strips
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    FloatArray,
    Gathered,
    Row,
    log,
    with_records,
)
from cobenefit_backend.report.series import coverage_ratio
from cobenefit_backend.study_kinds import SoilStudy

UNITS = {"nitrogen": "kg/ha", "yield": "t/ha"}


def answer(data: Gathered[SoilStudy], factors: FactorSet, footprint: FootprintResult) -> Answer:
    """Return the figure of strips side by side."""
    study = data.study
    _, _, start, end = study.periods
    season = data.logged()
    nitrogen, wheat = (_by_place(season, quantity) for quantity in UNITS)
    pairs, yields = _pairs(nitrogen, study), _pairs(wheat, study)
    covered = [
        coverage_ratio(rows, data.timezone, start, end)
        for rows in data.rollups.values()
        if study.channel
    ]
    common: dict[str, Any] = {
        "fertiliser": study.fertiliser,
        "climate": study.climate,
        "period_days": data.days,
        "coverage_ratio": min([*covered, len(pairs) / max(len(nitrogen), 1)]),
        "data_origin": study.data_origin,
    }
    if len(pairs):
        harvest = (yields[:, 0], yields[:, 1]) if len(yields) else (None, None)
        inputs = from_strips(pairs[:, 0], pairs[:, 1], study.area_ha or 0.0, *harvest, **common)
    else:
        inputs = soil.SoilInputs(0.0, 0.0, **common)
    estimate = soil.estimate(inputs, factors, footprint)
    return with_records(estimate, tuple(_unit_records(season))), {
        "replicates": len(pairs),
        "area_ha": study.area_ha,
        "nitrogen_kg_per_ha": _by_arm(pairs, study),
        "yield_t_per_ha": _by_arm(yields, study),
        "log": log(season),
    }


def _by_place(rows: Sequence[Row], quantity: str) -> dict[str, dict[str, float]]:
    """Add amounts up by place and arm."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["quantity"] == quantity and row["unit"] == UNITS[quantity]:
            arms = found.setdefault(row["place"], {})
            arms[row["arm"]] = arms.get(row["arm"], 0.0) + row["amount"]
    return found


def _pairs(places: Mapping[str, Mapping[str, float]], study: SoilStudy) -> FloatArray:
    """Return control and action of every place that has both, shape (r, 2)."""
    control, action = study.control_arm, study.action_arm
    rows = [
        (arms[control], arms[action])
        for arms in places.values()
        if control in arms and action in arms
    ]
    return np.array(rows).reshape(-1, 2)


def _by_arm(pairs: FloatArray, study: SoilStudy) -> dict[str, float | None]:
    means = [float(side.mean()) if len(side) else None for side in pairs.T]
    return dict(zip((study.control_arm, study.action_arm), means, strict=True))


def _unit_records(rows: Sequence[Row]) -> list[Disqualification]:
    """Say how many activities could not be used for their unit."""
    wrong = [row for row in rows if UNITS.get(row["quantity"], row["unit"]) != row["unit"]]
    if not wrong:
        return []
    text = "Activities in another unit than kg/ha of nitrogen or t/ha of yield are not used."
    return [Disqualification("activity_unit", text, {"rows": len(wrong)})]
