"""What a figure hangs on: its tornado, other assumptions, and when it has paid back."""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report import charts
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.report.view import CaseView

SHORT_YEARS = 0.5
WEAK_STATUS = ("recalled", "secondary", "provisional")


@dataclass(frozen=True, slots=True)
class Weight:
    """One input of a figure, between its ends.

    Parameters
    ----------
    name : str
        Id of a factor, or a measured quantity in words.
    is_factor : bool
        Whether it is a factor.
    span : str
        The net at both ends, written.
    bar : Markup
        The same, drawn.
    """

    name: str
    is_factor: bool
    span: str
    bar: Markup


def spans(view: CaseView) -> dict[str, Interval]:
    """Return the net at both ends of each input, widest first.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    dict of Interval
        By factor id or measured quantity, with the devices' own footprint. [kgCO2e]
    """
    estimate = view.case.estimate
    if estimate.net_kgco2e is None:
        return {}
    net, own = estimate.net_kgco2e.central, estimate.footprint_kgco2e
    found = {
        "own_footprint": Interval(net + own.central - own.high, net, net + own.central - own.low)
    }
    for name, effect in estimate.details.get("contributors", {}).items():
        shift = net - effect.central
        found[name] = Interval(effect.low + shift, net, effect.high + shift)
    return dict(sorted(found.items(), key=lambda item: -item[1].half_width))


def tornado(view: CaseView) -> tuple[str, list[Weight]]:
    """Return the unit and the rows of the tornado.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    tuple of str and list of Weight
        Empty where no CO2e is claimed.
    """
    found, words, form = spans(view), view.reader.words, view.reader.format
    ends = [end for each in found.values() for end in (each.low, each.high)]
    if not ends:
        return "", []
    unit = mass_unit(*ends)
    rows = []
    for name, each in found.items():
        row: Any = {"start": each.low, "end": each.high, "tone": "grey"}
        span = words(
            "span", low=form.bare_mass(each.low, unit), high=form.bare_mass(each.high, unit)
        )
        known = words.either(f"input_{name.partition('.')[2] or name}", "")
        known = known or words.either(f"input_{name}", "")
        bar = charts.waterfall_bar(row, min(ends), max(ends))
        rows.append(Weight(known or name, name in view.case.estimate.factor_ids, span, bar))
    return unit, rows


def sensitivity(view: CaseView) -> list[tuple[str, str]]:
    """Return the net under other assumptions, in words."""
    words, form = view.reader.words, view.reader.format
    found = view.case.estimate.details.get("sensitivity", {})
    rows = []
    for name, each in found.items():
        unit = mass_unit(each.low, each.high)
        span = words("span", low=form.bare_mass(each.low, unit), high=form.mass(each.high, unit))
        zero = f" ({words('zero')})" if each.contains_zero else ""
        rows.append((words(f"if_{name}"), f"{form.mass(each.central, unit)}; {span}{zero}"))
    return rows


def break_even(view: CaseView) -> list[str]:
    """Say when a deployment has paid back, and what that takes; nothing for a test.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    list of str
        Sentences.
    """
    found = view.case.estimate.details.get("break_even")
    if found is None or view.case.placebo or found["verdict"] == "unknown":
        return []
    words, form = view.reader.words, view.reader.format
    date = view.case.extra.get("break_even_date")
    never = words("break_even_no_end")
    ends = {
        name: never if found[name] is None else _span_of(view, found[name])
        for name in ("years", "years_earliest", "years_latest")
    }
    lines = [
        words(f"break_even_{found['verdict']}", date=form.day(date) if date else never, **ends)
    ]
    if found["units_per_year"] is not None:
        lines.append(
            words(
                f"units_{found['unit']}",
                needed=form.number(found["units_per_year"]),
                observed=form.number(found["units_observed_per_year"]),
            )
        )
    return lines


def _span_of(view: CaseView, years: float) -> str:
    """Write a span of time in the unit one would say it in."""
    if years < SHORT_YEARS:
        days = max(math.ceil(years * DAYS_PER_YEAR), 1)
        return view.reader.words("span_days" if days > 1 else "span_day", days=days)
    return view.reader.words("span_years", years=view.reader.format.number(years))
