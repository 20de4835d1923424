"""Logged cases and visits become the inputs of `remote_assistance`.

A case has as arm `resolved`, `visited_later` or `not_looked_up`; a visit that was driven has its
marginal kilometres, from which the mean of the avoided ones is taken.
"""

from collections.abc import Sequence

import numpy as np

from cobenefit_backend.documents.base import interval
from cobenefit_backend.estimate import remote_assistance, students_t
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    Gathered,
    Row,
    held_record,
    log,
    logged_ratio,
    no_figure,
    total,
    with_records,
)
from cobenefit_backend.study_kinds import RemoteAssistanceStudy


def answer(
    data: Gathered[RemoteAssistanceStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the figure of cases treated at a distance."""
    study, rows = data.study, data.logged()
    cases = {arm: _cases(rows, arm) for arm in ("resolved", "visited_later", "not_looked_up")}
    km = _km_per_visit([row["amount"] for row in rows if row["quantity"] == "visit"], study)
    extra = {"log": log(rows), "cases_by_arm": cases}
    if km is None:
        text = "The kilometres of a visit are not known: log at least two visits."
        return no_figure(data, footprint, Disqualification("no_visit_km", text)), extra
    inputs = remote_assistance.RemoteAssistanceInputs(
        cases=sum(cases.values()),
        resolved=cases["resolved"] + cases["not_looked_up"],
        km_per_visit=km,
        followed_up=not cases["not_looked_up"],
        headsets=study.headsets,
        controllers=study.controllers,
        period_days=data.days,
        coverage_ratio=logged_ratio(sum(cases.values()), study.held),
        data_origin=study.data_origin,
    )
    found = remote_assistance.estimate(inputs, factors, footprint)
    return with_records(found, held_record(study.held)), extra


def _cases(rows: Sequence[Row], arm: str) -> int:
    return round(total([row for row in rows if row["arm"] == arm], "case"))


def _km_per_visit(km: list[float], study: RemoteAssistanceStudy) -> Interval | None:
    """Return the mean of the logged visits with its interval, else what the study states."""
    if len(km) < 2:
        given = study.km_per_visit
        return None if given is None else interval(given, "km_per_visit")
    t = float(students_t.quantile(0.95, np.asarray(len(km) - 1.0)))
    mean, half = float(np.mean(km)), t * float(np.std(km, ddof=1)) / float(np.sqrt(len(km)))
    return Interval(max(mean - half, 0.0), mean, mean + half)
