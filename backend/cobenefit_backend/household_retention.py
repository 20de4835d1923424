"""How long readings of households are kept, and how fine, by what they agreed to."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.consents import DAY_S, Meter, Purpose, Register
from cobenefit_backend.database import Database
from cobenefit_backend.imports.coarsen import coarsen

DAY_MS = 86_400_000
_FOREVER_MS = 2**62
_MINE = "site = :site AND device = :device"
_DELETE_OLD = text(
    "DELETE FROM rollup WHERE tenant = :tenant AND start_ms < :before_ms AND series_id IN "  # noqa: S608
    f"(SELECT id FROM series WHERE tenant = :tenant AND {_MINE})"
)


def sweep(
    database: Database, tenant: str, now_ms: int, *, fine_days: int = 0, unused_days: int = 0
) -> dict[str, int]:
    """Remove readings of households that nothing allows any more.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose households.
    now_ms : int
        Unix time. [ms]
    fine_days : int, optional
        Windows finer than a day go at this age, consent or not; 0: at none. [d]
    unused_days : int, optional
        Readings of a household without any consent go at this age; 0: at none. [d]

    Returns
    -------
    dict
        Rows removed: `fine` (finer than consent goes, or too old) and `unused`. [1]
    """
    removed = {"fine": 0, "unused": 0}
    oldest_ms = now_ms - fine_days * DAY_MS if fine_days else 0
    with database.writing(tenant) as connection:
        register = consents_of(database).of(connection, tenant)
        removed["fine"] = remove_finer(
            connection, tenant, list(register.households), register, oldest_ms
        )
        for site, device in register.households if unused_days else ():
            if not any(term.revoked_ms is None for term in register.terms(site, device)):
                old = {"tenant": tenant, "site": site, "device": device,
                       "before_ms": now_ms - unused_days * DAY_MS}  # fmt: skip
                removed["unused"] += connection.execute(_DELETE_OLD, old).rowcount
        if any(removed.values()):
            what = ", ".join(f"{name} {rows}" for name, rows in removed.items())
            note(connection, tenant, COMMAND_LINE, "household readings pruned", what)
    return removed


def remove_finer(
    connection: Connection,
    tenant: str,
    meters: Sequence[Meter],
    register: Register,
    oldest_ms: int = 0,
) -> int:
    """Remove what is finer than consent goes: windows, and what imports remember and keep.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose.
    meters : sequence of tuple
        Site and device of meters of households.
    register : Register
        What they agree to.
    oldest_ms : int, optional
        Windows finer than a day that start before go too. [Unix ms]

    Returns
    -------
    int
        Windows removed. [1]
    """
    removed = 0
    for site, device in meters:
        finer, values = _finer(register, (site, device), oldest_ms)
        values |= {"tenant": tenant, "site": site, "device": device}
        for table, mine in _TABLES.items():
            statement = text(f"DELETE FROM {table} WHERE tenant = :tenant AND {mine} AND {finer}")  # noqa: S608
            rows = connection.execute(statement, values).rowcount
            removed += rows if table == "rollup" else 0

        def keeps(start_ms: int, length_s: int, site: str = site, device: str = device) -> bool:
            recent = length_s >= DAY_S or start_ms >= oldest_ms
            return recent and register.takes(site, device, start_ms, length_s)

        coarsen(connection, tenant, (site, device), keeps)
    return removed


_TABLES = {
    "rollup": f"series_id IN (SELECT id FROM series WHERE tenant = :tenant AND {_MINE})",  # noqa: S608
    "import_window": _MINE,
}


def _finer(register: Register, meter: Meter, oldest_ms: int) -> tuple[str, dict[str, int | str]]:
    """Return a condition for the windows that `Register.takes` refuses, and its values."""
    spans = [span for purpose in Purpose for span in register.fine_spans(*meter, purpose)]
    oldest_ms = max(oldest_ms, register.erased_at(*meter))
    values: dict[str, int | str] = {"day_s": DAY_S, "oldest_ms": oldest_ms}
    agreed = ["1 = 0"]
    for n, (finest_s, first_ms, end_ms) in enumerate(spans):
        agreed.append(f"length_s >= :s{n} AND start_ms >= :a{n} AND start_ms < :b{n}")
        values |= {f"s{n}": finest_s, f"a{n}": first_ms}
        values[f"b{n}"] = _FOREVER_MS if end_ms is None else end_ms
    kept = " OR ".join(f"({each})" for each in agreed)
    return f"length_s < :day_s AND (start_ms < :oldest_ms OR NOT ({kept}))", values
