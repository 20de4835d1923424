"""Logged consultations become the inputs of `remote_health`.

One row per consultation: its one-way distance, and as arm the mode the patient would have used,
where somebody asked. Follow-ups and answers to the question what patients would have done
otherwise are rows of their own.
"""

from collections.abc import Sequence

from cobenefit_backend.estimate import remote_health
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.remote_health import MODES, Mode
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    Gathered,
    Row,
    held_record,
    log,
    logged_ratio,
    not_enough,
    total,
    with_records,
)
from cobenefit_backend.study_kinds import RemoteHealthStudy


def answer(
    data: Gathered[RemoteHealthStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the figure of consultations at a distance."""
    study, rows = data.study, data.logged()
    consultations = [row for row in rows if row["quantity"] == "consultation"]
    inputs = remote_health.RemoteHealthInputs(
        distance_km=tuple(row["amount"] for row in consultations),
        mode_share=_mode_share(consultations, study),
        distance_source=study.distance_source,
        car_passengers=study.car_passengers,
        follow_ups=round(total(rows, "follow_up")),
        asked=round(total(rows, "asked")),
        would_not_have_come=round(total(rows, "would_not_have_come")),
        gigabytes=study.gigabytes,
        period_days=data.days,
        coverage_ratio=logged_ratio(len(consultations), study.held),
        data_origin=study.data_origin,
    )
    extra = {"log": log(rows), "mode_share": dict(inputs.mode_share)}
    try:
        found = remote_health.estimate(inputs, factors, footprint)
    except ValueError as error:
        return not_enough(data, footprint, error), extra
    return with_records(found, held_record(study.held)), extra


def _mode_share(rows: Sequence[Row], study: RemoteHealthStudy) -> dict[Mode, float]:
    """Share the kilometres by mode; a row without a mode is shared as the study says."""
    km: dict[Mode, float] = dict.fromkeys(study.mode_share, 0.0)
    for row in rows:
        known = next((mode for mode in MODES if mode == row["arm"]), None)
        for mode, share in study.mode_share.items() if known is None else [(known, 1.0)]:
            km[mode] = km.get(mode, 0.0) + row["amount"] * share
    whole = sum(km.values())
    return {mode: each / whole for mode, each in km.items()} if whole else dict(study.mode_share)
