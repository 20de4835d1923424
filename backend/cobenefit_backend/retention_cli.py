"""`cobenefit backend prune`: for a timer, once a month."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError


def prune(
    months: Annotated[int, typer.Option(min=1, help="Whole months kept beside this one.")],
    tenant: Annotated[str, typer.Option(help="Only this tenant; empty: all.")] = "",
    fine_days: Annotated[
        int, typer.Option(min=0, help="Households: days that windows finer than a day are kept.")
    ] = 0,
    unused_days: Annotated[
        int, typer.Option(min=0, help="Households without consent: days that readings are kept.")
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Remove readings, weather and logs older than so many months; reports lose them too.

    Readings of households that are finer than their consent goes are removed whatever their age.

    Example: cobenefit backend prune --months 36
    """
    from sqlalchemy.exc import ProgrammingError

    from cobenefit_backend import household_retention, retention

    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    first = datetime(year, month + 1, 1, tzinfo=UTC)
    try:
        with open_store(config) as store:
            parts = [] if tenant else retention.drop_months(store.database, f"{first:%Y%m}")
            tenants = [tenant] if tenant else store.database.tenants()
            removed = retention.prune(store.database, round(first.timestamp() * 1000), tenants)
            swept = [
                household_retention.sweep(
                    store.database,
                    name,
                    round(now.timestamp() * 1000),
                    fine_days=fine_days,
                    unused_days=unused_days,
                )
                for name in tenants
            ]
    except ProgrammingError as error:
        refuse(InputError(f"{error.orig}: prune as the owner of the database"))
    except BackendError as error:
        refuse(error)
    if parts:
        typer.echo(f"Dropped {len(parts)} months: {parts[0]} to {parts[-1]}.")
    removed |= {
        f"{name} of households": sum(each[name] for each in swept) for name in ("fine", "unused")
    }
    typer.echo(", ".join(f"{table}: {count} rows" for table, count in removed.items()))
