"""`cobenefit estimate`: one pure estimator from one file, without a database.

Each command prints a table, or with --json one object. A wrong input ends with exit code 2
and names file, key or line, and what is allowed.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_backend.documents.answer import DOCUMENTS, answer, schema
from cobenefit_backend.documents.base import Answer
from cobenefit_backend.errors import BackendError, InputError
from cobenefit_backend.estimate import smart_meter
from cobenefit_backend.estimate.billed import billed
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.quantity import plain
from cobenefit_backend.estimate_csv import read_bills, read_meter
from cobenefit_backend.explain_cli import explained
from cobenefit_backend.factors.load import load as load_factors

app = typer.Typer(
    no_args_is_help=True, help="Run one estimator on a file and print low, central, high."
)
InputFile = Annotated[
    Path, typer.Option("--input", help="Input file.", exists=True, dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Write the equation out, with each factor's source.")
]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]


@app.command("smart_meter")
def _smart_meter_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Net effect of a metered home from daily use before and after."""
    _run("smart_meter", input_file, as_json=as_json, explain=explain)


@app.command("soil")
def _soil_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """N2O and manufacture of an amount of nitrogen (IPCC 2019 Tier 1)."""
    _run("soil", input_file, as_json=as_json, explain=explain)


@app.command("traffic")
def _traffic_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Fuel and CO2e of a road before and after, by class and link speed."""
    _run("traffic", input_file, as_json=as_json, explain=explain)


@app.command("remote_health")
def _remote_health_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Trips that consultations at a distance replaced, from their log."""
    _run("remote_health", input_file, as_json=as_json, explain=explain)


@app.command("remote_assistance")
def _remote_assistance_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Technician trips that remote assistance replaced, less the headsets."""
    _run("remote_assistance", input_file, as_json=as_json, explain=explain)


@app.command("industry")
def _industry_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Energy of a workshop normalised by its output (IPMVP B and C)."""
    _run("industry", input_file, as_json=as_json, explain=explain)


@app.command("data_centre")
def _data_centre_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Energy saved by a lower PUE at equal weather and load."""
    _run("data_centre", input_file, as_json=as_json, explain=explain)


@app.command("surveillance")
def _surveillance_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Exposure and time to detection; CO2e only for a measured release."""
    _run("surveillance", input_file, as_json=as_json, explain=explain)


@app.command("climate_event")
def _climate_event_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """How good warnings were: lead time, POD, FAR, CSI, Brier; never CO2e."""
    _run("climate_event", input_file, as_json=as_json, explain=explain)


@app.command("footprint")
def _footprint_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Footprint of our own devices per year, by life-cycle stage."""
    _run("footprint", input_file, as_json=as_json, explain=explain)


@app.command("scale_up")
def _scale_up_command(
    input_file: InputFile, as_json: AsJson = False, explain: Explain = False
) -> None:
    """Extrapolate to a whole territory: class P, potential, never claimed."""
    _run("scale_up", input_file, as_json=as_json, explain=explain)


@app.command("baseline")
def _baseline_command(
    *,
    input_file: InputFile,
    fuel: Annotated[str, typer.Option(help="electricity or gas.")],
    baseline_start: Day,
    baseline_end: Day,
    reporting_start: Day,
    reporting_end: Day,
    period: Annotated[str, typer.Option(help="daily or billing: what a row holds.")] = "daily",
    weather: Annotated[
        Path | None,
        typer.Option(help="Temperatures under bills.", exists=True, dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a CalTRACK 2.0 baseline to a meter CSV and state the savings.

    End dates are exclusive. With --period billing a row is a bill that runs until the next row.
    """
    with _refusing():
        kind = _fuel(fuel)
        before = _period("baseline", baseline_start.date(), baseline_end.date())
        after = _period("reporting", reporting_start.date(), reporting_end.date())
        if _is_billing(period, weather):
            bills = read_bills(input_file, weather)
            _show(billed(*bills, kind, before, after), as_json)
        else:
            _show(_baseline(read_meter(input_file), kind, before, after), as_json)


@app.command("schemas")
def _schemas_command(
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(
        "docs/reference/schemas"
    ),
) -> None:
    """Write the JSON schema of every input document."""
    output.mkdir(parents=True, exist_ok=True)
    for use_case in DOCUMENTS:
        path = output / f"{use_case}.json"
        path.write_text(schema_text(use_case), encoding="utf-8")
        print(path)


def schema_text(use_case: str) -> str:
    """Return the schema of a document as it is committed.

    Parameters
    ----------
    use_case : str
        A key of DOCUMENTS.

    Returns
    -------
    str
        Indented JSON with a final newline.
    """
    return json.dumps(schema(use_case), indent=2) + "\n"


def _run(use_case: str, input_file: Path, *, as_json: bool, explain: bool) -> None:
    with _refusing():
        factors = load_factors()
        result = answer(use_case, input_file.read_bytes(), factors, input_file.name)
        if explain:
            print("\n".join(explained(plain(result), factors)))
        else:
            _show(result, as_json)


def _fuel(text: str) -> Literal["electricity", "gas"]:
    if text == "electricity":
        return "electricity"
    if text == "gas":
        return "gas"
    raise InputError(f"{text!r} is not allowed, choose electricity or gas", where="--fuel")


def _is_billing(period: str, weather: Path | None) -> bool:
    if period not in ("daily", "billing"):
        raise InputError(f"{period!r} is not allowed, choose daily or billing", where="--period")
    if period == "daily" and weather is not None:
        raise InputError("is for --period billing; daily rows hold theirs", where="--weather")
    return period == "billing"


def _period(name: str, start: date, end: date) -> tuple[date, date]:
    if end <= start:
        raise InputError(
            f"{end} must be after --{name}-start {start} (end dates are exclusive)",
            where=f"--{name}-end",
        )
    return start, end


def _baseline(
    days: Daily,
    fuel: Literal["electricity", "gas"],
    before: tuple[date, date],
    after: tuple[date, date],
) -> Answer:
    first, second = days.between(*before), days.between(*after)
    inputs = smart_meter.SmartMeterInputs(
        baseline_kwh=first.energy_kwh,
        reporting_kwh=second.energy_kwh,
        baseline_degc=first.temperature_degc,
        reporting_degc=second.temperature_degc,
        fuel=fuel,
    )
    models, saved = smart_meter.measure(inputs)
    return {
        **smart_meter.describe(models, saved),
        "evidence_class": "E" if saved.valid_days[0] and models.valid_days[0] else "N",
        "label": "pre/post, no control",
        "disqualifications": [
            *smart_meter.records_of(models, saved),
            *smart_meter.comparison_records(inputs.comparison_ratio),
        ],
    }


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn an error of the input into one line and exit code 2."""
    try:
        yield
    except BackendError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", markup=False
        )
        raise typer.Exit(2) from error


def _show(result: Mapping[str, Any], as_json: bool) -> None:
    data = plain(dict(result))
    if as_json:
        print(json.dumps(data, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    table = Table()
    for heading in ("quantity", "low", "central", "high"):
        table.add_column(heading, overflow="fold")
    for name, cells in _rows(data):
        table.add_row(name, *cells)
    console.print(table)
    for record in data.get("disqualifications", ()):
        console.print(f"{record['code']}: {record['text']}", markup=False)


def _rows(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Flatten an answer into named rows of one or three cells."""
    for key, value in data.items():
        name = prefix + key
        if isinstance(value, dict) and set(value) == {"low", "central", "high"}:
            yield name, tuple(f"{value[end]:.4g}" for end in ("low", "central", "high"))
        elif isinstance(value, dict):
            yield from _rows(value, f"{name}.")
        elif isinstance(value, float):
            yield name, ("", f"{value:.4g}", "")
        elif not isinstance(value, list):
            yield name, ("", str(value), "")
