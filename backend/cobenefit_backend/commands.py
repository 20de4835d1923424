"""`cobenefit backend`: serve, migrate, keys, loading documents, writing reports."""

import csv
import json
import time
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend import (
    access_cli,
    consent_cli,
    erase_cli,
    imports_cli,
    public_cli,
    report_cli,
    retention_cli,
)
from cobenefit_backend.activities_cli import app as activities_app
from cobenefit_backend.areas_cli import app as areas_app
from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError

app = typer.Typer(
    help="Store rollups, estimate net effects, serve and write reports.", no_args_is_help=True
)
load_app = typer.Typer(help="Load documents from files.", no_args_is_help=True)
app.add_typer(access_cli.key_app, name="key")
app.command()(access_cli.login)
app.command()(retention_cli.prune)
app.command()(erase_cli.erase)
app.add_typer(consent_cli.app, name="consent")
app.add_typer(public_cli.app, name="public")
app.add_typer(load_app, name="load")
app.add_typer(activities_app, name="activities")
app.add_typer(areas_app, name="areas")
app.command("import")(imports_cli.import_)
app.add_typer(imports_cli.imports_app, name="imports")
app.add_typer(imports_cli.correct_app, name="correct")
app.add_typer(report_cli.app, name="report")


class FileLanguage(StrEnum):
    """Languages of a file that has one."""

    FR = "fr"
    EN = "en"


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve ingest, pages and JSON, on loopback unless the configuration says otherwise.

    Example: cobenefit backend serve --config backend.toml
    """
    import uvicorn

    from cobenefit_backend import config as configuration
    from cobenefit_backend.app import create_app

    try:
        settings = configuration.load(config)
        typer.echo(f"Serving on http://{settings.host}:{settings.port}/")
        application = create_app(settings)
        access_cli.greet(application.state.store, f"http://{settings.host}:{settings.port}")
        uvicorn.run(
            application, host=settings.host, port=settings.port, log_level="warning",
            server_header=False,
        )  # fmt: skip
    except BackendError as error:
        refuse(error)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to the schema of this version; harmless when it is already there.

    Example: cobenefit backend migrate --config backend.toml
    """
    try:
        with open_store(config):
            pass  # opening migrates
    except BackendError as error:
        refuse(error)
    typer.echo("The database is up to date.")


@load_app.command("study")
def load_study(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="TOML or JSON.")],
    config: ConfigOption = None,
) -> None:
    """Load the study document of a tenant, replacing the one before.

    Example: cobenefit backend load study demo.toml
    """
    import msgspec

    from cobenefit_backend import study

    try:
        data = file.read_bytes()
        tables = _toml(data, file) if file.suffix == ".toml" else data
        document = study.parse(tables, file=file.name)
        now_ms = time.time_ns() // 1_000_000
        with open_store(config) as store:
            store.put_study(document.tenant, msgspec.json.encode(document), now_ms)
    except BackendError as error:
        refuse(error)
    typer.echo(f"Loaded {len(document.study)} studies of {document.tenant}.")


@app.command("lock")
def lock_plan(
    tenant: Annotated[str, typer.Argument(help="Tenant.")],
    study: Annotated[str, typer.Argument(help="Study whose plan is locked.")],
    config: ConfigOption = None,
) -> None:
    """Lock the plan of a study before its results are known; it can't be unlocked.

    Example: cobenefit backend lock demo school
    """
    from datetime import UTC, datetime

    from cobenefit_backend import mv_plan
    from cobenefit_backend import study as studies

    try:
        with open_store(config) as store:
            stored = store.study(tenant)
            if stored is None:
                raise InputError(f"no study document for tenant {tenant!r}; load one first")
            found = {each.id: each for each in studies.parse(stored).study}
            if study not in found:
                raise InputError(f"no study {study!r}, known: {', '.join(found)}")
            today = datetime.now(UTC).date().isoformat()
            sha256 = store.lock_plan(tenant, study, mv_plan.plan_of(found[study]), today)
    except BackendError as error:
        refuse(error)
    typer.echo(f"Locked the plan of {study} on {today}, SHA-256 {sha256}.")


def _toml(data: bytes, file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(error), file=file.name) from error


@load_app.command("weather")
def load_weather(  # noqa: PLR0917  typer reads the signature
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="t_ms,temperature_degc")
    ],
    tenant: Annotated[str, typer.Option(help="Tenant.")],
    station: Annotated[str, typer.Option(help="Station id, as a site names it.")],
    source: Annotated[str, typer.Option(help="Who measured.")],
    licence: Annotated[str, typer.Option(help="Licence of the data.")],
    config: ConfigOption = None,
) -> None:
    """Load temperatures from a CSV file with the columns t_ms and temperature_degc.

    Example: cobenefit backend load weather t.csv --tenant demo --station 724390 --source NOAA
    --licence "public domain"
    """
    from cobenefit_backend import bodies

    try:
        rows = _csv(file, ("t_ms", "temperature_degc"))
        body = {
            "tenant": tenant, "station": station, "source": source, "licence": licence,
            "t_ms": [_number(row["t_ms"], file, line, int) for line, row in rows],
            "temperature_degc": [
                _number(row["temperature_degc"], file, line, float) for line, row in rows
            ],
        }  # fmt: skip
        with open_store(config) as store:
            store.add_weather(bodies.decode(json.dumps(body).encode(), bodies.WeatherBody))
    except BackendError as error:
        refuse(error)
    typer.echo(f"Loaded {len(rows)} temperatures of station {station}.")


def _csv(file: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != columns:
            raise InputError(
                f"columns must be {','.join(columns)}", file=file.name, where="line 1"
            )
        return [(reader.line_num, row) for row in reader]


def _number(text: str, file: Path, line: int, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(
            f"not a number: {text!r}", file=file.name, where=f"line {line}"
        ) from error


@app.command()
def export(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Where to write: NAME.pdf, NAME.xlsx, NAME.zip (RO-Crate with everything), or "
            "results.csv, follow_up.csv, series.csv, data.csv, factors.csv, operat.csv, "
            "mapping.csv."
        ),
    ],
    lang: Annotated[FileLanguage, typer.Option(help="Language of the files.")] = FileLanguage.FR,
    tenant: Annotated[str, typer.Option(help="Tenant; empty: the only one.")] = "",
    config: ConfigOption = None,
) -> None:
    """Write the report as PDF/UA-1, workbook, CSV or an archive of all of them.

    A CSV in French has `;` and decimal commas, as a French spreadsheet opens it; in English it is
    RFC 4180.

    Example: cobenefit backend export report.pdf report.xlsx results.csv --lang fr
    """
    from cobenefit_backend import config as configuration
    from cobenefit_backend.exports import choose
    from cobenefit_backend.report_cache import ReportCache

    try:
        makers = {
            path: choose.maker(path.name, "fr" if lang is FileLanguage.FR else "en")
            for path in files
        }
        with open_store(config) as store:
            settings = configuration.load(config)
            cache = ReportCache(store, settings.local_factors)
            found = cache.get(cache.tenant(tenant or settings.tenant))
    except BackendError as error:
        refuse(error)
    for path, make in makers.items():
        content = make(found)
        path.write_bytes(content)
        typer.echo(f"{path}: {len(content) / 1000:.1f} kB")
