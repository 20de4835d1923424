"""`cobenefit explain`: from one published figure back to readings, factors and code."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cobenefit_backend.factors.registry import FactorSet

Row = Mapping[str, Any]


def explain(
    report: Annotated[Path, typer.Argument(help="report.json.", exists=True, dir_okay=False)],
    item: Annotated[
        str, typer.Argument(help="Id of a study, or the total of class M or E; empty: list them.")
    ] = "",
) -> None:
    """Write out how one figure of a report was computed, and from what.

    Example: cobenefit explain demo/report.json house
    """
    try:
        document = json.loads(report.read_bytes())
        cases = {case["study"]: case for case in document["use_cases"]}
    except (ValueError, KeyError, TypeError) as error:
        _refuse(f"{report} is no report.json: {error!r}")
    if not item:
        for name, case in cases.items():
            typer.echo(f"{name}: {case['title']} ({case['use_case']}, {case['evidence_class']})")
        return
    if item in ("M", "E"):
        typer.echo("\n".join(_total(document, item)))
        return
    if item not in cases:
        _refuse(f"no study {item!r} in {report}, known: {', '.join(cases)}")
    typer.echo("\n".join(_lines(document, cases[item])))


def explained(answer: Row, factors: FactorSet) -> Iterator[str]:
    """Write out the answer of one estimator.

    Parameters
    ----------
    answer : mapping
        Answer of `cobenefit estimate`, as plain data.
    factors : FactorSet
        The factors it was made with.

    Yields
    ------
    str
        Lines: the formula, the arithmetic, and each factor with its source.
    """
    if "equation" not in answer:
        yield f"{answer['use_case']}: see docs/reference/estimators.md for its equation."
    elif not answer["equation"]:
        yield f"{answer['use_case']}: no CO2e is claimed, so there is no equation."
    else:
        yield from _equation(answer, "gross - rebound [kgCO2e]")
    for key in answer["factor_ids"]:
        factor = factors[key]
        source = factors.sources[factor.source_id]
        low, high = factor.bounds
        yield _factor(
            {
                "id": key, "value": factor.value, "low": low, "high": high, "unit": factor.unit,
                "geography": factor.geography, "year": factor.year, "publisher": source.publisher,
                "source": source.title, "reference": factor.reference, "licence": factor.licence,
                "status": factor.status,
            }
        )  # fmt: skip


def _total(report: Row, name: str) -> Iterator[str]:
    total = report["totals"][name]
    if total["net_kgco2e"] is None:
        yield f"Class {name}: no study of this report may be added up."
        return
    nets = {
        case["study"]: case["net_kgco2e"]["central"]
        for case in report["use_cases"]
        if case["study"] in total["studies"]
    }
    yield f"net of class {name} [kgCO2e]"
    yield f"  = {' + '.join(nets)}"
    yield f"  = {' + '.join(repr(value) for value in nets.values())}"
    yield f"  = {_range(total['net_kgco2e'])} (90 %)"
    yield "Studies that share a factor are wrong together: their half-widths add."
    yield "Next: cobenefit explain REPORT STUDY"


def _equation(case: Row, name: str) -> Iterator[str]:
    yield f"{name}"
    yield f"  = {case['equation']}"
    yield f"  = {case['arithmetic']}"


def _lines(report: Row, case: Row) -> Iterator[str]:
    yield f"{case['title']}: {case['use_case']}, class {case['evidence_class']}, {case['label']}"
    yield f"baseline {_period(case['baseline'])}, reporting {_period(case['reporting'])}"
    yield ""
    if case["net_kgco2e"] is None:
        yield "No CO2e is claimed."
    else:
        yield from _net(case)
    yield ""
    yield "Own footprint [kgCO2e], by stage:"
    for stage, part in case["footprint_kgco2e"]["by_stage"].items():
        yield f"  {stage}: {_range(part)}"
    yield ""
    yield from _weights(case)
    yield "Readings:"
    yield from _readings(report, case)
    yield from _activities(case)
    yield ""
    yield "Reasons for caution:"
    yield from (f"  {row['code']}: {row['text']}" for row in case["disqualifications"])
    yield ""
    yield "Factors:"
    used = set(case["factors"])
    yield from (_factor(row) for row in report["factors"] if row["id"] in used)
    yield ""
    made = report["generated_from"]
    yield f"Data SHA-256: {made['data_sha256']}"
    yield f"Factor set: {made['factor_set']['version']}, SHA-256 {made['factor_set']['sha256']}"
    yield f"Code: cobenefit {made['code_version']}"
    yield "Again, on the same data and code, with the same digests and the same figure:"
    yield f"  cobenefit backend report --tenant {report['tenant']} --out-json again.json"


def _net(case: Row) -> Iterator[str]:
    parts = [case[f"{name}_kgco2e"]["central"] for name in ("gross", "rebound", "footprint")]
    yield "net = gross - rebound - footprint [kgCO2e]"
    yield "  = " + " - ".join(f"{part!r}" for part in parts)
    yield f"  = {_range(case['net_kgco2e'])} (90 %)"
    yield from _equation(case, "gross - rebound [kgCO2e]")


def _weights(case: Row) -> Iterator[str]:
    # when the figure breaks even, and what it hangs on
    found = case["details"].get("break_even")
    if found is None:
        return
    day = case["details"].get("break_even_date") or "no date"
    ends = [found[name] for name in ("years", "years_earliest", "years_latest")]
    years, early, late = ("never" if each is None else f"{each:.4g} yr" for each in ends)
    yield f"Break-even: {found['verdict']}, {years} ({early} to {late}), {day}"
    if found["units_per_year"] is not None:
        needed, seen = found["units_per_year"], found["units_observed_per_year"]
        yield f"  takes {needed:.4g} {found['unit']} a year, {seen:.4g} observed"
    for name, span in case["details"].get("contributors", {}).items():
        yield f"  {name}: gross {span['low']:.4g} to {span['high']:.4g}"
    for name, net in case["details"].get("sensitivity", {}).items():
        yield f"  if {name}: net {_range(net)}"
    yield ""


def _activities(case: Row) -> Iterator[str]:
    found = case["details"].get("activities") or {"rows": 0}
    if found["rows"]:
        yield f"  {found['rows']} activities, SHA-256 {found['sha256']}"
        yield f"    ids: {', '.join(found['ids'])}"


def _readings(report: Row, case: Row) -> Iterator[str]:
    for row in report["data"]["series"]:
        channels = case["details"].get("channels") or [row["channel"]]
        ours = row["site"] == case["site"] and row["device"] in case["devices"]
        if ours and row["channel"] in channels:
            refused = sum(row["quarantined"].values())
            span = f", {row['start']} to {row['end']}" if "start" in row else ""
            yield (
                f"  {row['site']}/{row['device']} {row['channel']}: {row['stored']} stored,"
                f" {refused} quarantined, {row['lost']} lost{span}"
            )
            if "sha256" in row:
                yield f"    {row['windows']} windows, SHA-256 {row['sha256']}"


def _factor(row: Row) -> str:
    ends = f"{row['low']:.4g} to {row['high']:.4g}"
    return (
        f"  {row['id']} = {row['value']:.12g} {row['unit']} ({ends}),"
        f" {row['geography']}, {row['year']}; {row['publisher']}, {row['source']}:"
        f" {row['reference']}; {row['licence']}; {row['status']}"
    )


def _range(part: Row) -> str:
    return f"{part['central']!r} ({part['low']:.4g} to {part['high']:.4g})"


def _period(days: list[str]) -> str:
    return f"{days[0]} to {days[1]}"


def _refuse(message: str) -> NoReturn:
    typer.secho(f"error: {message}", fg="red", err=True)
    raise typer.Exit(2)
