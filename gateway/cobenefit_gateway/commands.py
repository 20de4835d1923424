"""The commands of `cobenefit gateway`."""

import json
import logging
import os
import signal
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_gateway.config import Config, load
from cobenefit_gateway.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from cobenefit_gateway.spool import Spool

app = typer.Typer(help="Receive packs, aggregate them and forward rollups.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Argument(help="Configuration file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EXIT_INPUT, EXIT_WORLD = 2, 3  # as cobenefit_cli.problems documents
_SAMPLE = Path(__file__).with_name("sample.toml")


@app.command()
def init(config: ConfigFile = Path("gateway.toml")) -> None:
    """Write a documented configuration to start from."""
    if config.exists():
        _fail(f"{config} is there already; remove it or name another file")
    config.write_text(_SAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"wrote {config}; edit it, then: cobenefit gateway check {config}")


@app.command()
def check(config: ConfigFile) -> None:
    """Check a configuration without connecting anywhere."""
    loaded = _load(config)
    typer.echo(f"{config}: good; tenant {loaded.tenant}, data in {loaded.data_dir}")


@app.command()
def run(
    config: ConfigFile,
    until_idle: Annotated[
        float | None, typer.Option(help="Flush and end after this many seconds without a message.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")] = False,
) -> None:
    """Run the gateway; SIGTERM or Ctrl-C flushes, forwards and ends."""
    from cobenefit_gateway.app import Gateway

    loaded = _load(config)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        gateway = Gateway(
            loaded,
            os.environ.get("COBENEFIT_BROKER_PASSWORD", ""),
            os.environ.get("COBENEFIT_GATEWAY_KEY", ""),
        )
    except StorageError as err:
        _fail(str(err), EXIT_WORLD)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gateway.stop())
    try:
        done = gateway.run(until_idle)
    except (OSError, sqlite3.Error) as err:
        _fail(
            f"stopped: {err}; everything acknowledged is in {loaded.data_dir}, put the disk right "
            "and start again",
            EXIT_WORLD,
        )
    if not done and loaded.backend.url:
        _fail(
            "the backend did not take everything in time; the rest stays in the spool", EXIT_WORLD
        )


@app.command()
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what the gateway holds."""
    overview = _spool(config).overview()
    if as_json:
        typer.echo(json.dumps(overview))
        return
    table = Table("what", "value")
    for name, value in overview.items():
        table.add_row(name, str(value))
    Console().print(table)


@app.command()
def quarantine(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what was refused, where and why."""
    rows = list(_spool(config).quarantine())
    if as_json:
        typer.echo(json.dumps(rows))
        return
    columns = ("site", "device", "channel", "reason", "readings", "packs", "detail")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(row[c]) for c in columns))
    Console().print(table)


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as err:
        _fail(str(err))


def _spool(path: Path) -> "Spool":
    from cobenefit_gateway.spool import Spool

    database = _load(path).data_dir / "gateway.db"
    if not database.exists():
        _fail(f"{database}: no gateway has run here yet")
    return Spool(database)


def _fail(text: str, code: int = EXIT_INPUT) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
