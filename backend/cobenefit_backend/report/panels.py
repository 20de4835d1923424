"""The charts of each use case with their sentence and table, and the computation in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from cobenefit_backend.estimate.footprint import GRID_FACTOR
from cobenefit_backend.report import charts
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.facts import facts
from cobenefit_backend.report.view import CaseView

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart, what it says, and its data.

    Parameters
    ----------
    title, sentence : str
        Heading, and one sentence.
    chart : Markup
        The drawing; may be empty.
    head : tuple of str
        Column names.
    rows : tuple of tuple of str
        Cells, written.
    shown : bool
        Whether the table is the picture: then it is not folded away.
    csv : str
        Address of the same numbers as CSV, on the server's pages; empty for none.
    """

    title: str
    sentence: str
    chart: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shown: bool = False
    csv: str = ""


def panels(view: CaseView) -> list[Panel]:
    """Return the panels of a case.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    list of Panel
        In reading order.
    """
    extra = view.case.extra
    found = []
    if extra.get("weeks") and view.case.estimate.gross_kgco2e is not None:
        found.append(_band(view))
    if extra.get("placebo", {}).get("dates"):
        found.append(_placebo(view))
    if "sides" in extra:
        found.append(_traffic(view))
    if extra.get("replicates"):
        found.append(_strips(view))
    if "parallel" in extra:
        found.append(_screenline(view))
    if rows := facts(view):
        found.append(_facts(view, rows))
    return found


def _facts(view: CaseView, rows: list[tuple[str, str]]) -> Panel:
    words = view.reader.words
    head = (words("quantity"), words("waterfall_amount"))
    sentence = words(f"facts_{view.case.estimate.use_case}")
    return Panel(words("facts"), sentence, Markup(""), head, tuple(rows), shown=True)


def _screenline(view: CaseView) -> Panel:
    words, form, extra = view.reader.words, view.reader.format, view.case.extra
    streets = [{"name": words("screenline_road"), **extra["sides"]}, *extra["parallel"]]
    rows = tuple(
        (
            street["name"],
            *(
                form.number(street[side]["vehicles"] / max(street[side]["days"], 1))
                for side in ("before", "after")
            ),
        )
        for street in streets
    )
    head = tuple(words(f"screenline_{name}") for name in ("street", "before", "after"))
    sentence = words("screenline_sentence")
    return Panel(words("screenline"), sentence, Markup(""), head, rows, shown=True)


def _band(view: CaseView) -> Panel:
    weeks: Sequence[Record] = view.case.extra["weeks"]
    words, form = view.reader.words, view.reader.format
    event = next((i for i, week in enumerate(weeks) if week["reporting"]), 0)
    details = view.case.estimate.details
    observed, expected = details.get("observed_kwh"), details["counterfactual_kwh"]
    if observed is None:  # a fleet
        observed = expected - details["savings_kwh"]
    sentence = words(
        "band_sentence",
        observed=form.precise(observed),
        expected=form.precise(expected),
        ratio=form.signed_percent((observed - expected) / expected),
    )
    rows = tuple(
        (
            form.month(month + "-01"),
            _cell(view.reader, part, "measured"),
            _cell(view.reader, part, "expected"),
        )
        for month, part in _by_month(weeks).items()
    )
    head = (words("month"), words("table_measured"), words("table_expected"))
    chart = charts.band_chart(list(map(dict, weeks)), event, view.reader)
    return Panel(words("band"), sentence, chart, head, rows)


def _by_month(rows: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in rows:
        found.setdefault(row["start"][:7], []).append(row)
    return found


def _cell(reader: Reader, rows: Sequence[Record], key: str) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    return reader.format.number(float(np.mean(values))) if values else reader.words("no_data")


def _placebo(view: CaseView) -> Panel:
    found = view.case.extra["placebo"]
    words, form = view.reader.words, view.reader.format
    summary = found["summary"]
    sentence = words(
        "placebo_sentence",
        significant=form.exact(summary["significant"]),
        dates=form.exact(summary["dates"]),
        chance=form.exact(round(summary["expected_by_chance"])),
        corrected=form.exact(summary["significant_corrected"]),
    )
    years: dict[str, list[Record]] = {}
    for item in found["dates"]:
        years.setdefault(item["date"][:4], []).append(item)
    rows = tuple(
        (
            year,
            form.exact(len(items)),
            form.exact(sum(item["significant"] for item in items)),
            form.signed_percent(max(abs(item["ratio"]) for item in items)),
        )
        for year, items in years.items()
    )
    head = tuple(words(f"placebo_{name}") for name in ("year", "dates", "flagged", "largest"))
    chart = charts.placebo_chart(found["dates"], view.reader)
    return Panel(words("placebo"), sentence, chart, head, rows)


def _traffic(view: CaseView) -> Panel:
    words, form = view.reader.words, view.reader.format
    sides = view.case.extra["sides"]
    after = sides["after"]
    if "speed_km_h" in after:
        sentence = words(
            "counts_spot",
            after=form.exact(after["vehicles"]),
            days=form.exact(after["days"]),
            speed=form.number(after["speed_km_h"]),
        )
    elif view.case.estimate.data_origin != "modelled":
        inputs = view.case.extra["inputs"]
        sentence = words(
            "counts_link",
            before=form.number(sides["before"]["vehicles"] / max(sides["before"]["days"], 1)),
            after=form.number(after["vehicles"] / max(after["days"], 1)),
            speed_before=form.number(inputs["speed_before_km_h"] or 0.0),
            speed_after=form.number(inputs["speed_after_km_h"] or 0.0),
        )
    else:
        per_day = {name: s["vehicles"] / max(s["days"], 1) for name, s in sides.items()}
        sentence = words(
            "counts_sentence",
            before=form.number(per_day["before"]),
            after=form.number(per_day["after"]),
        )
    return Panel(words("counts"), sentence, Markup(""), (), ())


def _strips(view: CaseView) -> Panel:
    words, form = view.reader.words, view.reader.format
    extra = view.case.extra
    nitrogen, harvest = extra["nitrogen_kg_per_ha"], extra["yield_t_per_ha"]
    control, action = nitrogen
    sentence = words(
        "strips_sentence",
        replicates=extra["replicates"],
        control=form.number(nitrogen[control]),
        action=form.number(nitrogen[action]),
    )
    rows = tuple(
        (
            words.either(f"arm_{arm}", arm),
            form.number(nitrogen[arm]),
            words("no_data") if harvest[arm] is None else form.number(harvest[arm]),
        )
        for arm in nitrogen
    )
    head = (words("arm"), words("nitrogen"), words("harvest"))
    return Panel(words("strips"), sentence, Markup(""), head, rows)


def computation(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    """Return the equation of a case with its numbers, line by line.

    Parameters
    ----------
    view : CaseView
        The case.
    factors : mapping
        Factor rows of the report, by id.

    Returns
    -------
    list of str
        Sentences; empty values are left out.
    """
    words, form, case = view.reader.words, view.reader.format, view.case
    estimate = case.estimate
    lines = [words("how_equation"), *_gross_lines(view, factors)]
    if estimate.rebound_kgco2e is not None and estimate.rebound_kgco2e.central:
        lines.append(words("how_rebound", rebound=form.precise(estimate.rebound_kgco2e.central)))
    stages = {k: v["central"] for k, v in case.footprint["by_stage"].items() if v["central"]}
    lines.append(
        words(
            "how_footprint",
            days=case.extra["footprint_days"],
            sum=" + ".join(f"{words('stage_' + k)} {form.precise(v)}" for k, v in stages.items()),
            own=form.precise(estimate.footprint_kgco2e.central),
        )
    )
    lines += [_device_line(view.reader, device) for device in case.extra["devices"]]
    if view.net is not None and estimate.gross_kgco2e and estimate.rebound_kgco2e:
        lines.append(
            words(
                "how_net",
                gross=form.precise(estimate.gross_kgco2e.central),
                rebound=form.precise(estimate.rebound_kgco2e.central),
                own=form.precise(estimate.footprint_kgco2e.central),
                net=form.precise(view.net.central),
            )
        )
    return lines


def _device_line(reader: Reader, device: Record) -> str:
    energy = device["energy_wh_per_year"]
    return reader.words(
        "how_device_unknown" if energy is None else "how_device",
        device=device["device"],
        board=device["board"],
        lifetime=reader.format.exact(device["lifetime_years"]),
        energy=reader.format.precise(energy or 0.0),
        bytes=reader.format.precise(device["bytes_per_year"] / 1e6),
        shared=device["shared_by"],
    )


def _gross_lines(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    lines = {"smart_meter": _energy_lines, "traffic": _traffic_lines, "soil": _soil_lines}
    return lines.get(view.case.estimate.use_case, _written_lines)(view, factors)


def _written_lines(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    """Return the formula with its names; `explain` has it with its numbers."""
    del factors
    words, form, estimate = view.reader.words, view.reader.format, view.case.estimate
    if estimate.gross_kgco2e is None:
        return [words("how_no_co2e")]
    gross = form.precise(estimate.gross_kgco2e.central)
    return [words("how_gross_written", equation=estimate.equation, gross=gross)]


def _energy_lines(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    words, form = view.reader.words, view.reader.format
    details, gross = view.case.estimate.details, view.case.estimate.gross_kgco2e
    used = [name for name in _ENERGY if name in view.case.estimate.factor_ids]
    lines = _model_lines(view)
    if gross is None or not used:
        return lines
    saved, expected = details["savings_kwh"], details["counterfactual_kwh"]
    lines.append(
        words(
            "how_gross_energy",
            expected=form.precise(expected),
            observed=form.precise(expected - saved),
            saved=form.precise(saved),
            factor=form.exact(factors[used[0]]["value"]),
            gross=form.precise(gross.central),
        )
    )
    marginal = details.get("gross_marginal_kgco2e")
    if marginal is not None:
        factor = form.exact(factors[GRID_FACTOR["marginal"]]["value"])
        gross_marginal = form.precise(marginal.central)
        lines.append(
            words(
                "how_gross_marginal",
                saved=form.precise(saved),
                factor=factor,
                gross=gross_marginal,
            )
        )
    return lines


def _model_lines(view: CaseView) -> list[str]:
    """Return the baseline model in numbers; a fleet has none of its own."""
    words, form, details = view.reader.words, view.reader.format, view.case.estimate.details
    if "model" not in details:
        return []
    slopes = "".join(
        words(f"how_{kind}", slope=form.precise(slope), balance=form.exact(round(balance, 1)))
        for kind in ("hdd", "cdd")
        if (slope := details[f"{kind}_slope_kwh_per_degc"])
        and (balance := details[f"{kind}_balance_degc"]) is not None
    )
    line = words(
        "how_model",
        model=details["model"],
        base=form.precise(details["base_kwh"] or 0.0),
        slopes=slopes,
        cv=form.precise(details["cv_rmse"] or 0.0),
        r2=form.precise(details["r2_adj"] or 0.0),
        days=details["baseline_days"],
    )
    return [line]


_ENERGY = (GRID_FACTOR["average"], "fuel.natgas.lca.pcs")


def _traffic_lines(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    del factors
    words, form, case = view.reader.words, view.reader.format, view.case
    gross = case.estimate.gross_kgco2e
    if gross is None:
        spot = "speed_km_h" in case.extra["sides"]["after"]
        return [words("how_spot" if spot else "how_no_co2e")]
    inputs = case.extra["inputs"]
    return [
        words(
            "how_gross_traffic",
            before=form.precise(case.extra["sides"]["after"]["vehicles"]),
            length=form.exact(inputs["length_km"]),
            speed_before=form.precise(inputs["speed_before_km_h"]),
            speed_after=form.precise(inputs["speed_after_km_h"]),
            gross=form.precise(gross.central),
            growth=form.signed_percent(case.estimate.details["traffic_growth_ratio"]),
        ),
        *([inputs["note"]] if inputs["note"] else []),
    ]


def _soil_lines(view: CaseView, factors: Mapping[str, Record]) -> list[str]:
    del factors
    words, form, case = view.reader.words, view.reader.format, view.case
    gross = case.estimate.gross_kgco2e
    control, action = case.extra["nitrogen_kg_per_ha"].values()
    if control is None or action is None:
        return []
    return [
        words(
            "how_gross_soil",
            control=form.precise(control),
            action=form.precise(action),
            area=form.exact(case.extra["area_ha"]),
            saved=form.precise(case.estimate.details["nitrogen_saved_kg"]),
            gross=form.precise(gross.central if gross else 0.0),
        )
    ]
