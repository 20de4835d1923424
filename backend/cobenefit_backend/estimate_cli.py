"""`cobenefit estimate`: one pure estimator from one file, without a database.

Each command prints a table, or with --json one object. A wrong input ends with exit code 2
and names file, key or line, and what is allowed.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend.baseline_cli import baseline_command
from cobenefit_backend.documents.answer import DOCUMENTS, answer, schema
from cobenefit_backend.estimate.quantity import plain
from cobenefit_backend.estimate_output import AsJson, InputFile, refusing, show
from cobenefit_backend.explain_cli import explained
from cobenefit_backend.factors.load import load as load_factors

app = typer.Typer(
    no_args_is_help=True, help="Run one estimator on a file and print low, central, high."
)
Explain = Annotated[
    bool, typer.Option("--explain", help="Write the equation out, with each factor's source.")
]


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


app.command("baseline")(baseline_command)


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
    with refusing():
        factors = load_factors()
        result = answer(use_case, input_file.read_bytes(), factors, input_file.name)
        if explain:
            print("\n".join(explained(plain(result), factors)))
        else:
            show(result, as_json)
