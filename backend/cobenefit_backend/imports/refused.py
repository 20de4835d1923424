"""What imports refused, as quarantine totals beside those of the gateways."""

import json

from sqlalchemy import Connection, text

from cobenefit_backend.database import Database, Row
from cobenefit_backend.imports.records import Target
from cobenefit_backend.models import Quarantine
from cobenefit_backend.upserts import columns_of

_CLEAR = text(
    "DELETE FROM quarantine WHERE tenant = :tenant AND site = :site AND device = :device "
    "AND channel = :channel AND reason LIKE 'import\\_%' ESCAPE '\\'"
)
_COLUMNS = columns_of(Quarantine)
_INSERT = (
    f"INSERT INTO quarantine ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


def count_refused(
    database: Database, connection: Connection, tenant: str, target: Target, batches: list[Row]
) -> None:
    """Make the quarantine of a series say what its committed imports refused.

    Parameters
    ----------
    database : Database
        The database.
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose.
    target : Target
        The series.
    batches : list of dict
        Its committed imports.
    """
    totals: dict[str, int] = {}
    for batch in batches:
        for reason, count in json.loads(batch["refused"])["counts"].items():
            totals[reason] = totals.get(reason, 0) + count
    names = {"site": target.site, "device": target.device, "channel": target.channel}
    connection.execute(_CLEAR, {"tenant": tenant, **names})
    blank = {"packs": 0, "first_t_ms": None, "last_t_ms": None, "detail": "", "revision": 0}
    rows = [
        {**blank, **names, "tenant": tenant, "reason": reason, "readings": count}
        for reason, count in sorted(totals.items())
    ]
    database.many(connection, _INSERT, [tuple(row[name] for name in _COLUMNS) for row in rows])
