"""What the commands share: the configuration option, the store, how they refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from cobenefit_backend.store import Store

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; sample.toml shows every key.")
]
EXIT_REFUSED = 2


def refuse(error: Exception) -> NoReturn:
    """Say why on standard error and end with exit code 2."""
    typer.secho(f"error: {error}", fg="red", err=True)
    raise typer.Exit(EXIT_REFUSED)


@contextmanager
def open_store(config_path: Path | None) -> Iterator["Store"]:
    """Give the store on a migrated database; imports late so that --help stays fast."""
    from cobenefit_backend import config, migrate
    from cobenefit_backend.store import Store, open_engine

    engine = open_engine(config.load(config_path).database_url)
    try:
        migrate.upgrade(engine)
        yield Store(engine)
    finally:
        engine.dispose()
