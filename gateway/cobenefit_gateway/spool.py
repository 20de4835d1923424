"""The spool: pages waiting for the backend, and what was told to it beside pages.

Pages are written by the checkpoint (`emit.py`); this side reads them in order, deletes one when
the backend has it, and parks one the backend will never take. It has its own connection, because
it lives in the forwarding thread.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cobenefit_gateway.store import connect, transaction

_QUARANTINE = (
    *("site", "device", "channel", "reason"),
    *("readings", "packs", "first_t_ms", "last_t_ms", "detail"),
)


class Page(NamedTuple):
    """One page: its number, the hash of its rollups and their bytes as sent."""

    number: int
    sha256: str
    rollups: bytes


class Spool:
    """Pages in a gateway database, seen from the forwarding side.

    Parameters
    ----------
    path : Path
        The database file.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        (self.uuid,) = self._db.execute("SELECT value FROM meta WHERE key = 'spool'").fetchone()

    def next_page(self) -> Page | None:
        """Return the oldest page that is not parked; None when there is none."""
        row = self._db.execute(
            "SELECT number, sha256, rollups FROM pages WHERE parked IS NULL "
            "ORDER BY number LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        page = Page(*row)
        if sha256(page.rollups).hexdigest() != page.sha256:
            self.park(page.number, "damaged: its bytes no longer have their hash")
            return self.next_page()
        return page

    def delete(self, number: int) -> None:
        """Forget a page the backend has made durable.

        Parameters
        ----------
        number : int
            Page number. [1]
        """
        self._db.execute("DELETE FROM pages WHERE number = ?", (number,))

    def park(self, number: int, why: str) -> None:
        """Keep a page the backend refuses for good, out of the way of the next.

        Parameters
        ----------
        number : int
            Page number. [1]
        why : str
            What the backend said.
        """
        self._db.execute("UPDATE pages SET parked = ? WHERE number = ?", (why[:500], number))

    def counts(self) -> tuple[int, int]:
        """Return how many pages wait and how many are parked [1]."""
        row = self._db.execute("SELECT count(*) - count(parked), count(parked) FROM pages")
        waiting, parked = row.fetchone()
        return waiting, parked

    def unsent(self, table: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the rows of `quarantine` or `health` that changed since they were last taken.

        Parameters
        ----------
        table : str
            ``quarantine`` or ``health``.

        Returns
        -------
        tuple of int, list of dict
            The mark to confirm with, and the rows of the HTTP body. [1, -]
        """
        known = self._db.execute("SELECT value FROM meta WHERE key = ?", (f"sent_{table}",))
        sent = int((known.fetchone() or ("0",))[0])
        with_body = table == "health"
        columns = "body" if with_body else ", ".join(_QUARANTINE)
        rows = self._db.execute(
            f"SELECT changed, {columns} FROM {table} WHERE changed > ? ORDER BY changed",  # noqa: S608
            (sent,),
        ).fetchall()
        mark = max((row[0] for row in rows), default=sent)
        if with_body:
            return mark, [json.loads(row[1]) for row in rows]
        return mark, [dict(zip(_QUARANTINE, row[1:], strict=True)) for row in rows]

    def confirm(self, table: str, mark: int) -> None:
        """Remember that the backend has all rows up to a mark.

        Parameters
        ----------
        table : str
            ``quarantine`` or ``health``.
        mark : int
            From `unsent`. [1]
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES(?, ?)", (f"sent_{table}", str(mark))
            )

    def overview(self) -> dict[str, Any]:
        """Return counts for people: pages, totals, series, open windows."""
        waiting, parked = self.counts()
        one = self._db.execute
        return {
            "spool": self.uuid,
            "pages_waiting": waiting,
            "pages_parked": parked,
            "series": one("SELECT count(*) FROM series").fetchone()[0],
            "windows_open": one("SELECT count(*) FROM windows WHERE state = 0").fetchone()[0],
            "windows_due": one("SELECT count(*) FROM windows WHERE state = 1").fetchone()[0],
            **dict(one("SELECT name, count FROM totals ORDER BY name")),
        }

    def quarantine(self) -> Iterable[dict[str, Any]]:
        """Return every quarantine row, the largest first."""
        rows = self._db.execute(
            f"SELECT {', '.join(_QUARANTINE)} FROM quarantine "  # noqa: S608
            "ORDER BY readings + packs DESC, site, device, channel, reason"
        )
        return [dict(zip(_QUARANTINE, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
