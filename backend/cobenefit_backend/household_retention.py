"""How long readings of households are kept, by what they agreed to."""

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.consents import DAY_S, Meter, Register
from cobenefit_backend.database import Database, owned

DAY_MS = 86_400_000
_SERIES = owned("SELECT id FROM {series} WHERE site = :site AND device = :device")
_FINE = owned(
    "SELECT start_ms, length_s FROM {rollup} WHERE series_id = :series AND length_s < :day_s"
)
_DELETE = text(
    "DELETE FROM rollup WHERE tenant = :tenant AND series_id = :series AND start_ms = :start_ms "
    "AND length_s = :length_s"
)
_DELETE_OLD = text(
    "DELETE FROM rollup WHERE tenant = :tenant AND series_id = :series AND start_ms < :before_ms"
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
    with database.writing(tenant) as connection:
        register = consents_of(database).of(connection, tenant)
        for meter in register.households:
            oldest_ms = now_ms - fine_days * DAY_MS if fine_days else 0
            agreed = any(term.revoked_ms is None for term in register.terms(*meter))
            before_ms = now_ms - unused_days * DAY_MS if unused_days and not agreed else 0
            for series in _series(connection, tenant, meter):
                removed["fine"] += _fine(connection, (tenant, meter), series, register, oldest_ms)
                old = {"tenant": tenant, "series": series, "before_ms": before_ms}
                removed["unused"] += connection.execute(_DELETE_OLD, old).rowcount
        if any(removed.values()):
            what = ", ".join(f"{name} {rows}" for name, rows in removed.items())
            note(connection, tenant, COMMAND_LINE, "household readings pruned", what)
    return removed


def _series(connection: Connection, tenant: str, meter: Meter) -> list[int]:
    values = {"tenant": tenant, "site": meter[0], "device": meter[1]}
    return list(connection.execute(_SERIES, values).scalars())


def _fine(
    connection: Connection,
    owner: tuple[str, Meter],
    series: int,
    register: Register,
    oldest_ms: int,
) -> int:
    tenant, meter = owner
    rows = connection.execute(_FINE, {"tenant": tenant, "series": series, "day_s": DAY_S}).all()
    gone = [
        {"tenant": tenant, "series": series, "start_ms": start_ms, "length_s": length_s}
        for start_ms, length_s in rows
        if start_ms < oldest_ms or not register.takes(*meter, start_ms, length_s)
    ]
    if gone:
        connection.execute(_DELETE, gone)
    return len(gone)
