"""Records consents given and withdrawn, and removes at once what they no longer cover."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.consent_log import ConsentRow, read_register
from cobenefit_backend.consents import Meter, Purpose, Register
from cobenefit_backend.database import Database
from cobenefit_backend.errors import RequestError
from cobenefit_backend.household_retention import remove_finer

DAY_MS = 86_400_000
_ADD = text(
    "INSERT INTO consent (tenant, site, device, purpose, resolution, action, t_ms, evidence, "
    "recorded_by, recorded_ms) VALUES (:tenant, :site, :device, :purpose, :resolution, :action, "
    ":t_ms, :evidence, :recorded_by, :recorded_ms)"
)


def record(
    database: Database,
    tenant: str,
    rows: Sequence[ConsentRow],
    now_ms: int,
    by: str = COMMAND_LINE,
) -> int:
    """Record consents; readings that are finer than agreed from now on go with them.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose households.
    rows : sequence of ConsentRow
        What happened.
    now_ms : int
        Unix time. [ms]
    by : str, optional
        Who records it.

    Returns
    -------
    int
        Windows removed. [1]

    Raises
    ------
    RequestError
        422 for a time more than a day ahead: nobody agrees from then on today.
    """
    for number, row in enumerate(rows, 1):
        if row.t_ms > now_ms + DAY_MS:
            raise RequestError(422, "consent", f"row {number}: t_ms lies in the future")
    if not rows:
        return 0
    about = {"tenant": tenant, "recorded_by": by, "recorded_ms": now_ms}
    values = [{**msgspec.to_builtins(row), **about} for row in rows]
    with database.writing(tenant) as connection:
        before = read_register(connection, tenant)
        connection.execute(_ADD, values)
        register = read_register(connection, tenant)
        meters = list(_narrowed(before, register, {(row.site, row.device) for row in rows}))
        removed = remove_finer(connection, tenant, meters, register)
        note(connection, tenant, by, "consents recorded", f"{len(values)}")
        if removed:
            note(connection, tenant, by, "household readings pruned", f"fine {removed}")
    return removed


def _narrowed(before: Register, after: Register, named: set[Meter]) -> Iterator[Meter]:
    """Give the meters that agreed to windows finer than a day, and now to others or none."""
    for site, device in after.households:
        if not named & {(site, device), (site, "")}:
            continue
        for purpose in Purpose:
            was = before.fine_spans(site, device, purpose)
            if was and was != after.fine_spans(site, device, purpose):
                yield site, device
                break
