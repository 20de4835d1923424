"""A release of the public page: cells decided, rounded, remembered, so that none can be compared.

A release is an act, by an officer or on the command line. What it shows is stored as it is; the
page only ever reads the last one and computes nothing. The ledger of members names devices by a
keyed hash, so that the next release knows what was public already (`privacy.release`).
"""

import hashlib
import hmac
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, text

from cobenefit_backend import study as studies
from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.consents import Purpose
from cobenefit_backend.contributions import Part, parts_of
from cobenefit_backend.database import Row, owned
from cobenefit_backend.errors import RequestError
from cobenefit_backend.estimate.portfolio import CLASSES, Overlap, portfolio
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.privacy.release import BoolMatrix, Parts, Verdict, decide
from cobenefit_backend.privacy.sensitivity import Rules
from cobenefit_backend.report.build import build, load_factor_set
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.store import Store
from cobenefit_backend.study import StudyDocument

_PAGE = owned("SELECT salt FROM {public_page}")
_SWITCH = text(
    "INSERT INTO public_page (tenant, shown, salt) VALUES (:tenant, :shown, :salt) "
    "ON CONFLICT (tenant) DO UPDATE SET shown = excluded.shown"
)
_LEDGER = owned(
    "SELECT members FROM {publication} WHERE period_start < :end AND period_end > :start"
)
_ADD = text(
    "INSERT INTO publication (tenant, released_ms, period_start, period_end, document, members) "
    "VALUES (:tenant, :released_ms, :start, :end, :document, :members)"
)
_LAST = (
    "SELECT document FROM {publication} WHERE EXISTS (SELECT 1 FROM {public_page} WHERE shown) "
    "ORDER BY id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure that could be published.

    Attributes
    ----------
    evidence_class : str
        `M` or `E`.
    use_case : str
        Which; empty for all of them.
    studies : tuple of str
        What it adds up.
    net : Interval
        Net benefit. [kgCO2e]
    coverage_ratio : float
        Mean coverage of its studies. [1]
    """

    evidence_class: str
    use_case: str
    studies: tuple[str, ...]
    net: Interval
    coverage_ratio: float


def switch(store: Store, tenant: str, *, shown: bool, by: str = COMMAND_LINE) -> None:
    """Switch the public page of a tenant on or off."""
    with store.database.writing(tenant, data=False) as connection:
        values = {"tenant": tenant, "shown": shown, "salt": secrets.token_hex(32)}
        connection.execute(_SWITCH, values)
        note(connection, tenant, by, "public page", "on" if shown else "off")


def shown(store: Store, tenant: str) -> Row | None:
    """Return what the public page of a tenant shows, None when it is off or unknown."""
    rows = store.database.rows(tenant, _LAST)
    return json.loads(rows[0]["document"]) if rows else None


def release(
    store: Store,
    tenant: str,
    now_ms: int,
    *,
    by: str = COMMAND_LINE,
    local_factors: str = "",
    rules: Rules | None = None,
    preview: bool = False,
) -> list[tuple[Cell, Verdict]]:
    """Decide what may be shown, and show it unless it is a preview.

    Parameters
    ----------
    store : Store
        The store.
    tenant : str
        Whose page; it must be switched on.
    now_ms : int
        Unix time. [ms]
    by : str, optional
        Who releases.
    local_factors : str, optional
        Folder of the operator's own factors.
    rules : Rules, optional
        Stricter ones than the default.
    preview : bool, optional
        Only tell.

    Returns
    -------
    list of tuple
        Every cell with its verdict, for the officer; the page says only that a cell is not shown.

    Raises
    ------
    RequestError
        404 without a study document, 409 when the page is off.
    """
    report = build(store, tenant, local_factors, Purpose.PUBLICATION)
    document = studies.parse(store.study(tenant) or b"")
    cases = [case for case in report.cases if case.counts]
    cells = _cells(cases, document, load_factor_set(local_factors))
    parts = parts_of(store, document, cases)
    with store.database.writing(tenant, data=False) as connection:
        salt = connection.execute(_PAGE, {"tenant": tenant}).scalar()
        if salt is None:
            raise RequestError(409, "public-page", "switch the public page on first")
        names = [[_name(salt, part) for part in parts if part.study in c.studies] for c in cells]
        period = {"start": report.period[0], "end": report.period[1]}
        earlier = _earlier(connection, tenant, period)
        known = {_name(salt, part): part for part in parts}
        verdicts = _decide(names, earlier, known, rules or Rules())
        found = list(zip(cells, verdicts, strict=True))
        if not preview:
            members = [
                own for own, each in zip(names, verdicts, strict=True) if each is Verdict.SHOWN
            ]
            row = {
                "tenant": tenant, "released_ms": now_ms, **period,
                "document": json.dumps(_document(report, found, now_ms, rules or Rules())),
                "members": json.dumps(members),
            }  # fmt: skip
            connection.execute(_ADD, row)
            note(connection, tenant, by, "released to the public", f"{len(members)} cells")
    return found


def _cells(cases: Sequence[Case], document: StudyDocument, factors: FactorSet) -> list[Cell]:
    """Return the total of each class, then its use cases, the largest first."""
    overlaps = [Overlap(tuple(o.studies), o.keep, o.reason) for o in document.overlap]
    found = []
    for name in CLASSES:
        own = [case for case in cases if case.estimate.evidence_class == name]
        uses = sorted({case.estimate.use_case for case in own})
        for use in ("", *uses):
            rows = {c.study: c for c in own if use in ("", c.estimate.use_case)}
            estimates = {study: case.estimate for study, case in rows.items()}
            subtotal = portfolio(estimates, overlaps, factors).subtotals[name]
            if subtotal.net_kgco2e is not None:
                ratios = [rows[study].estimate.coverage_ratio for study in subtotal.studies]
                mean = sum(ratios) / len(ratios)
                found.append(Cell(name, use, subtotal.studies, subtotal.net_kgco2e, mean))
    return sorted(found, key=lambda cell: (bool(cell.use_case), -len(cell.studies)))


def device_name(salt: str, site: str, device: str) -> str:
    """Return how the ledger names a device: nobody without the salt can tell which it is."""
    return hmac.new(salt.encode(), f"{site}/{device}".encode(), hashlib.sha256).hexdigest()[:32]


def _name(salt: str, part: Part) -> str:
    return f"{device_name(salt, part.site, part.device)}:{part.study}"


def _earlier(connection: Connection, tenant: str, period: Mapping[str, str]) -> list[list[str]]:
    rows = connection.execute(_LEDGER, {"tenant": tenant, **period}).scalars()
    cells = {tuple(sorted(cell)) for row in rows for cell in json.loads(row)}
    return [list(cell) for cell in sorted(cells)]


def _decide(
    cells: list[list[str]], earlier: list[list[str]], known: Mapping[str, Part], rules: Rules
) -> list[Verdict]:
    """Lay names out as columns; a name nobody answers to any more stands for itself."""
    names = sorted({name for cell in (*cells, *earlier) for name in cell})
    column = {name: index for index, name in enumerate(names)}
    who = [known[name].contributor if name in known else name for name in names]
    codes = {each: code for code, each in enumerate(dict.fromkeys(who))}
    sizes = [
        (known[name].use, known[name].change) if name in known else (np.nan, np.nan)
        for name in names
    ]

    def matrix(rows: list[list[str]]) -> BoolMatrix:
        found = np.zeros((len(rows), len(names)), np.bool_)
        for index, row in enumerate(rows):
            found[index, [column[name] for name in row]] = True
        return found

    magnitude = np.array(sizes, np.float64).reshape(-1, 2).T
    parts = Parts(np.array([codes[each] for each in who], np.int64), magnitude)
    return decide(matrix(cells), parts, rules, matrix(earlier))


def _document(
    report: Report, found: Sequence[tuple[Cell, Verdict]], now_ms: int, rules: Rules
) -> Row:
    base = rounding_base([cell.net for cell, each in found if each is Verdict.SHOWN])
    return {
        "schema_version": 1,
        "names": dict(report.names),
        "period": list(report.period),
        "released_ms": now_ms,
        "min_contributors": rules.min_contributors,
        "rounded_to_kgco2e": base,
        "cells": [_shown(cell, each, base) for cell, each in found],
    }


def _shown(cell: Cell, verdict: Verdict, base: float) -> Row:
    about = {"evidence_class": cell.evidence_class, "use_case": cell.use_case}
    if verdict is not Verdict.SHOWN:
        return {**about, "shown": False}
    return {
        **about,
        "shown": True,
        "net_kgco2e": rounded(cell.net, base),
        "coverage_ratio": round(cell.coverage_ratio, 2),
    }


def rounding_base(nets: Sequence[Interval]) -> float:
    """Return the step to which every figure of a release is rounded.

    Parameters
    ----------
    nets : sequence of Interval
        The figures shown. [kgCO2e]

    Returns
    -------
    float
        A power of ten: the largest bound keeps two digits, at least 1. [kgCO2e]
    """
    largest = max((abs(bound) for net in nets for bound in (net.low, net.high)), default=0.0)
    return float(10 ** max(0, math.floor(math.log10(largest)) - 1)) if largest > 0 else 1.0


def rounded(net: Interval, base: float) -> dict[str, float]:
    """Return a figure in steps, its interval never narrower than it was.

    Parameters
    ----------
    net : Interval
        The figure. [kgCO2e]
    base : float
        The step, above 0. [kgCO2e]

    Returns
    -------
    dict
        `low`, `central`, `high`. [kgCO2e]
    """
    return {
        "low": math.floor(net.low / base) * base,
        "central": round(net.central / base) * base,
        "high": math.ceil(net.high / base) * base,
    }
