"""Make a report from the store: gather, estimate, assemble.

The same stored data, factor set and code give the same report, byte for byte: nothing here
asks for the time, and every draw has a fixed seed.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cobenefit_backend import mv_plan
from cobenefit_backend import study as studies
from cobenefit_backend.consents import Purpose
from cobenefit_backend.errors import RequestError
from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.portfolio import Overlap, portfolio
from cobenefit_backend.estimate.quantity import Disqualification, Estimate, plain
from cobenefit_backend.estimate.validity import out_of_validity
from cobenefit_backend.factors.load import load as load_factors
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report import swaps
from cobenefit_backend.report.answers import answer
from cobenefit_backend.report.answers.gathered import Gathered
from cobenefit_backend.report.consenting import consenting
from cobenefit_backend.report.held import correction, counted, data_digest
from cobenefit_backend.report.memo import Keys, Memo
from cobenefit_backend.report.own_footprint import study_footprint
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.report.stations import stations
from cobenefit_backend.report.tertiary import tertiary
from cobenefit_backend.report.version import METHOD_VERSION, code_version
from cobenefit_backend.report.weights import WEAK_STATUS
from cobenefit_backend.store import Store
from cobenefit_backend.study import StudyDocument
from cobenefit_backend.study_kinds import Names, Study

Row = dict[str, Any]
MAX_BREAK_EVEN_YEARS = 1000
MAX_IDS = 200


def build(
    store: Store,
    tenant: str,
    local_factors: str = "",
    purpose: Purpose = Purpose.SAVINGS,
    memo: Memo | None = None,
) -> Report:
    """Compute the report of a tenant from what is stored.

    Parameters
    ----------
    store : Store
        The store.
    tenant : str
        Whose report.
    local_factors : str
        Folder of the operator's own factors; empty: none.
    purpose : Purpose, optional
        What it is for: households that did not agree to that are left out.
    memo : Memo, optional
        Estimates of before, used where nothing they rest on has changed.

    Returns
    -------
    Report
        The report.

    Raises
    ------
    RequestError
        404 when the tenant has no study document.
    """
    stored = store.study(tenant)
    if stored is None:
        raise RequestError(404, "no-study", f"no study document for tenant {tenant!r}; load one")
    document = studies.parse(stored, file=f"study of {tenant}")
    factors = load_factor_set(local_factors)
    ledgers = store.health(tenant)
    series = store.stored(tenant)
    windows, memo = store.windows_of(tenant), memo or Memo()
    keys = Keys(store, document, f"{factors.sha256} {purpose}", windows, [*series, *ledgers])
    cases = tuple(
        memo.case(
            study.id,
            keys.of(study),
            partial(
                _case, store, document, study,
                factors=factors, series=series, ledgers=ledgers, purpose=purpose,
            ),
        )
        for study in document.study
    )  # fmt: skip
    memo.keep_only([study.id for study in document.study])
    periods = [case.period for case in cases]
    return Report(
        tenant=tenant,
        names={"en": document.names.en, "fr": document.names.fr},
        period=(min(p[0] for p in periods), max(p[1] for p in periods)) if periods else ("", ""),
        generated_from={
            "data_sha256": data_digest(store, tenant, stored, windows),
            "factor_set": {"version": factors.version, "sha256": factors.sha256},
            "method_version": METHOD_VERSION,
            "code_version": code_version(),
        },
        cases=cases,
        totals=_totals(cases, document, factors),
        data={
            **counted(series, store.quarantine(tenant), ledgers, document, windows),
            "weather": stations(store, document),
            "corrections": [correction(row) for row in store.corrections(tenant)],
            "tertiary": tertiary(store, document),
        },
        factors=_factor_rows(cases, factors),
    )


def load_factor_set(local_factors: str) -> FactorSet:
    """Return the shipped factors, with those of the operator's folder if there is one."""
    return load_factors(local=Path(local_factors)) if local_factors else load_factors()


def _case(
    store: Store,
    document: StudyDocument,
    study: Study,
    *,
    factors: FactorSet,
    series: list[Row],
    ledgers: list[Row],
    purpose: Purpose,
) -> Case:
    tenant, site = document.tenant, document.site_of(study)
    log = store.activities(tenant)
    read, left_out = consenting(study, store.consents.register(tenant), purpose)
    gathered = _gathered(store, document, read, log, purpose)
    devices = [
        (entry, _ledgers_of(ledgers, site.id, entry.id), _event_ms(series, site.id, entry.id))
        for entry in document.devices_of(study)
    ]
    driven_km = {entry.id: swaps.visit_km(log, site.id, entry.id) for entry, _, _ in devices}
    own, facts = study_footprint(devices, document.gateway, factors, driven_km)
    estimate, extra = answer(gathered, factors, own)
    lock = store.locked_plan(tenant, study.id)
    outdated = out_of_validity(estimate.factor_ids, factors, *study.periods[2:])
    planned = mv_plan.records(study, lock)
    cautions = (*left_out, *outdated, *planned, *_weak(estimate, factors))
    records = (*estimate.disqualifications, *cautions)
    estimate = replace(estimate, disqualifications=records)
    days = own_days(study)
    names = study.names or Names(en=study.id, fr=study.id)
    return Case(
        study=study.id,
        titles={"en": names.en, "fr": names.fr},
        estimate=estimate,
        footprint=_footprint(estimate),
        period=study.reporting,
        baseline=study.baseline,
        placebo=study.placebo,
        attribution=study.attribution,
        site=site.id,
        devices=tuple(study.devices),
        extra={
            **extra,
            "plan": None if lock is None else {k: lock[k] for k in ("sha256", "locked_on")},
            "devices": facts,
            "timezone": site.timezone,
            "footprint_days": days,
            "channels": list(study.channels),
            "activities": _activities(gathered),
            "break_even_date": _date_of(study, estimate),
        },
    )


def _gathered(
    store: Store, document: StudyDocument, study: Study, log: list[Row], purpose: Purpose
) -> Gathered[Any]:
    """Read what a study rests on: its series, mended where a meter was exchanged, and the rest."""
    site = document.site_of(study)
    tenant = document.tenant

    def mended(_tenant: str, place: str, device: str, channel: str) -> list[Row]:
        rows = store.daily(tenant, place, device, channel, purpose)
        found = swaps.mended(rows, log, (place, device, channel), site.timezone)
        return [dict(row) for row in found]

    def fine(_tenant: str, place: str, device: str, channel: str) -> list[Row]:
        return store.fine(tenant, place, device, channel, purpose)

    by_day, by_hour = (
        {
            channel: {device: read(tenant, site.id, device, channel) for device in study.devices}
            for channel in study.channels
        }
        for read in (mended, fine if study.reads_hours else _no_rows)
    )
    return Gathered(
        study=study,
        timezone=site.timezone,
        daily=by_day,
        fine=by_hour,
        accuracy={entry.id: entry.accuracy for entry in document.devices_of(study)},
        weather=store.temperatures(tenant, site.station) if site.station else (),
        activities=[
            row for row in log if row["site"] == site.id and row["use_case"] == study.use_case
        ],
    )


def _activities(gathered: Gathered[Any]) -> Row:
    """Count and hash the activities of both periods that a study may use."""
    rows = [row for side in gathered.sides for row in gathered.logged(side)]
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False)
    return {
        "rows": len(rows),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "ids": [row["id"] for row in rows[:MAX_IDS]],
    }


def _weak(estimate: Estimate, factors: FactorSet) -> tuple[Disqualification, ...]:
    """Name the factors that were not read at their source."""
    weak = [name for name in estimate.factor_ids if factors[name].status in WEAK_STATUS]
    if not weak:
        return ()
    text = "Some factors were not read at their source; the list of factors marks them."
    return (Disqualification("weak_sources", text, {"factors": ", ".join(weak)}),)


def _date_of(study: Study, estimate: Estimate) -> str | None:
    """Return the day on which a deployment that started with the reporting period pays back."""
    years = estimate.details["break_even"]["years"]
    if years is None or years > MAX_BREAK_EVEN_YEARS:
        return None
    start = study.periods[2]
    return (start + timedelta(days=round(years * DAYS_PER_YEAR))).isoformat()


def _no_rows(*_series: str) -> list[Row]:
    return []


def _footprint(estimate: Estimate) -> Row:
    """Return the footprint of the period, equipment included, with stages and truncation 2."""
    stages = estimate.details["footprint_by_stage"].items()
    return {
        **estimate.footprint_kgco2e.to_dict(),
        "by_stage": {name: each.to_dict() for name, each in stages},
        "truncation_2": estimate.details["footprint_truncation_2_kgco2e"].to_dict(),
    }


def own_days(study: Study) -> int:
    """Return the days of the reporting period, over which devices are charged.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    int
        Length. [d]
    """
    _, _, start, end = study.periods
    return (end - start).days


def _ledgers_of(ledgers: list[Row], site: str, device: str) -> list[Row]:
    return [row for row in ledgers if row["site"] == site and row["device"] == device]


def _event_ms(series: list[Row], site: str, device: str) -> float:
    """Return the time that the stored readings of a device span."""
    rows = [row for row in series if row["site"] == site and row["device"] == device]
    if not rows:
        return 0.0
    return float(max(row["end_ms"] for row in rows) - min(row["start_ms"] for row in rows))


def _totals(cases: Sequence[Case], document: StudyDocument, factors: FactorSet) -> dict[str, Any]:
    """Add nets up by evidence class; synthetic, modelled, P, N and tests are never totalled."""
    overlaps = [Overlap(tuple(o.studies), o.keep, o.reason) for o in document.overlap]
    found = portfolio({c.study: c.estimate for c in cases if c.counts}, overlaps, factors)
    totals: dict[str, Any] = {
        name: {
            "studies": list(each.studies),
            "net_kgco2e": plain(each.net_kgco2e),
            "imprecise": each.imprecise,
        }
        for name, each in found.subtotals.items()
    }
    counted = {study for each in found.subtotals.values() for study in each.studies}
    totals["excluded"] = [case.study for case in cases if case.study not in counted]
    totals["overlapping"] = {
        study: {"kept": overlap.keep, "reason": overlap.reason}
        for study, overlap in found.overlapping.items()
    }
    return totals


def _factor_rows(cases: Sequence[Case], factors: FactorSet) -> tuple[Row, ...]:
    used = sorted({name for case in cases for name in case.estimate.factor_ids})
    rows = []
    for name in used:
        factor = factors[name]
        source = factors.sources[factor.source_id]
        low, high = factor.bounds
        rows.append(
            {
                "id": name,
                "value": factor.value,
                "low": low,
                "high": high,
                "unit": factor.unit,
                "geography": factor.geography,
                "year": factor.year,
                "source": source.title,
                "publisher": source.publisher,
                "url": source.url,
                "reference": factor.reference,
                "licence": factor.licence,
                "status": factor.status,
                "used_by": [c.study for c in cases if name in c.estimate.factor_ids],
            }
        )
    return tuple(rows)
