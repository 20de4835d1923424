"""The commands of `cobenefit gateway`."""

import json
import os
import shutil
import socket
import sqlite3
import sys
import time
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
_REPLAY_WAIT_S = 60.0


@app.command()
def init(config: ConfigFile = Path("gateway.toml")) -> None:
    """Write a documented configuration for this machine to start from."""
    from cobenefit_gateway.sample import for_this_machine

    if config.exists():
        _fail(f"{config} is there already; remove it or name another file")
    config.write_text(for_this_machine(socket.gethostname()), encoding="utf-8")
    typer.echo(f"wrote {config}; edit it, then: cobenefit gateway check {config}")


@app.command()
def check(
    config: ConfigFile,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at the file and this machine only.")
    ] = False,
) -> None:
    """Check a configuration, this machine, the broker and the backend; change nothing."""
    from cobenefit_gateway.check import BAD, findings

    loaded = _load(config)
    typer.echo(f"{config}: good; tenant {loaded.tenant}, data in {loaded.data_dir}")
    bad = 0
    for finding in findings(loaded, dict(os.environ), offline=offline):
        typer.echo(f"{finding.verdict:<8}{finding.what}: {finding.text}")
        bad += finding.verdict == BAD
    if bad:
        _fail(f"{bad} to put right, then check again", EXIT_WORLD)
    typer.echo(f"ready. Next: cobenefit gateway run {config}")


@app.command()
def run(
    config: ConfigFile,
    until_idle: Annotated[
        float | None, typer.Option(help="Flush and end after this many seconds without a message.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")] = False,
) -> None:
    """Run the gateway; SIGTERM or Ctrl-C ends it, SIGHUP reads the configuration again."""
    from cobenefit_gateway.service import Service

    service = Service(_load(config), verbose)
    try:
        done = service.run(until_idle)
    except StorageError as err:
        _fail(str(err), EXIT_WORLD)
    except (OSError, sqlite3.Error) as err:
        _fail(
            f"stopped: {err}; everything acknowledged is in {service.config.data_dir}, put the "
            "disk right and start again",
            EXIT_WORLD,
        )
    if not done and service.config.backend.url:
        _fail(
            "the backend did not take everything in time; the rest stays in the spool", EXIT_WORLD
        )


@app.command()
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show nodes, alarms and what the gateway holds."""
    from cobenefit_gateway import status_table
    from cobenefit_gateway.alarms import Alarms
    from cobenefit_gateway.ledger import Ledger
    from cobenefit_gateway.overview import read
    from cobenefit_gateway.page import as_json as json_of

    loaded = _load(config)
    _spool(loaded).close()
    ledger = Ledger(loaded.data_dir)
    overview = read(loaded, ledger, time.time_ns() // 1_000_000)
    alarms = Alarms(ledger, loaded.alarms.clear_s).open()
    ledger.close()
    if as_json:
        typer.echo(json_of(overview, alarms))
    else:
        status_table.show(Console(), overview, alarms, status_table.language())


@app.command()
def quarantine(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what was refused, where and why."""
    spool = _spool(_load(config))
    rows = list(spool.quarantine())
    spool.close()
    if as_json:
        typer.echo(json.dumps(rows))
        return
    columns = ("site", "device", "channel", "reason", "readings", "packs", "detail")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(row[c]) for c in columns))
    Console().print(table)


@app.command()
def replay(  # noqa: PLR0917
    config: ConfigFile,
    reason: Annotated[str, typer.Option(help="Only what was refused for this reason.")] = "",
    site: Annotated[str, typer.Option(help="Only of this site.")] = "",
    device: Annotated[str, typer.Option(help="Only of this device.")] = "",
    channel: Annotated[str, typer.Option(help="Only of this channel.")] = "",
    pages: Annotated[
        bool, typer.Option("--pages", help="Instead, send pages again that the backend refused.")
    ] = False,
    journal: Annotated[
        Path | None, typer.Option(help="Instead, take what was never taken of a journal file.")
    ] = None,
) -> None:
    """Take refused messages again, after the cause was put right; nothing is counted twice."""
    loaded = _load(config)
    spool = _spool(loaded)
    if pages:
        typer.echo(f"{spool.unpark()} pages will be sent again")
    elif journal is not None:
        _replay_journal(loaded, journal)
    else:
        _replay_kept(
            loaded, {"reason": reason, "site": site, "device": device, "channel": channel}
        )
    spool.close()


@app.command()
def alarms(
    config: ConfigFile,
    acknowledge: Annotated[
        int | None, typer.Option("--ack", help="Acknowledge the alarm with this number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show open alarms, or acknowledge one: it stays open until its cause is gone."""
    from cobenefit_gateway import status_table
    from cobenefit_gateway.alarms import Alarms
    from cobenefit_gateway.ledger import Ledger

    loaded = _load(config)
    _spool(loaded).close()
    ledger = Ledger(loaded.data_dir)
    book = Alarms(ledger, loaded.alarms.clear_s)
    now_ms = time.time_ns() // 1_000_000
    if acknowledge is not None and not book.acknowledge(acknowledge, now_ms):
        _fail(f"no open alarm has the number {acknowledge}: cobenefit gateway alarms {config}")
    found = book.open()
    ledger.close()
    if as_json:
        typer.echo(json.dumps([status_table.plain(alarm) for alarm in found]))
    else:
        status_table.show_alarms(Console(), found, now_ms, status_table.language())


@app.command()
def unit(
    config: ConfigFile,
    user: Annotated[str, typer.Option(help="Who the service runs as.")] = "cobenefit",
) -> None:
    """Print a systemd unit that runs this configuration, shut in."""
    from cobenefit_gateway.unit import unit as text

    program = shutil.which("cobenefit") or str(Path(sys.executable).with_name("cobenefit"))
    typer.echo(text(_load(config), Path(program), user), nl=False)


def _replay_kept(config: Config, where: dict[str, str]) -> None:
    from cobenefit_gateway.replay import replay as again

    asked, left = again(config, where, _REPLAY_WAIT_S)
    if left:
        _fail(f"{left} of {asked} messages still wait for the running gateway", EXIT_WORLD)
    typer.echo(
        f"{asked} messages taken again; what is still refused: "
        f"cobenefit gateway quarantine {config.file}"
    )


def _replay_journal(config: Config, file: Path) -> None:
    from cobenefit_gateway.replay import Offline

    try:
        offline = Offline(config)
    except StorageError as err:
        _fail(str(err), EXIT_WORLD)
    try:
        read, new = offline.journal(file)
    except OSError as err:
        _fail(f"{file}: {err.strerror}", EXIT_WORLD)
    finally:
        offline.close()
    typer.echo(f"{file}: {read} packs read, {new} of them new")


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as err:
        _fail(str(err))


def _spool(config: Config) -> "Spool":
    from cobenefit_gateway.spool import Spool

    database = config.data_dir / "gateway.db"
    if not database.exists():
        _fail(f"{database}: no gateway has run here yet")
    return Spool(database)


def _fail(text: str, code: int = EXIT_INPUT) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
