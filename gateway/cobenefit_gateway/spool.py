"""The spool: pages waiting for the backend, and what was told to it beside pages.

Pages are written by the checkpoint (`emit.py`); this side reads them in order, deletes one when
the backend has it, and parks one the backend will never take. It has its own connection, because
it lives in the forwarding thread.
"""

import json
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cobenefit_gateway.schema import connect, transaction

_QUARANTINE = (
    *("site", "device", "channel", "reason"),
    *("readings", "packs", "first_t_ms", "last_t_ms", "detail"),
)


#: What of a health row is for the gateway's own eyes.
LOCAL = ("received_ms", "skew_ms", "clock_known")
#: One page in this many is the oldest; the others are the newest. [1]
_OLDEST_EVERY = 4


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
        self._turn = 0
        (self.uuid,) = self._db.execute("SELECT value FROM meta WHERE key = 'spool'").fetchone()

    def next_page(self) -> Page | None:
        """Return the page to send next; None when there is none.

        The newest goes first, so that a backlog never holds up what happens now; one in four is
        the oldest, so that the backlog always moves.
        """
        self._turn += 1
        order = "" if self._turn % _OLDEST_EVERY == 0 else "DESC"
        row = self._db.execute(
            "SELECT number, sha256, rollups FROM pages WHERE parked IS NULL "  # noqa: S608
            f"ORDER BY number {order} LIMIT 1"
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

    def split(self, number: int) -> bool:
        """Make two pages of one that is too large for the backend.

        Parameters
        ----------
        number : int
            Page number; the halves get new ones, because this one may be known. [1]

        Returns
        -------
        bool
            False when it holds a single window.
        """
        with transaction(self._db):
            (raw,) = self._db.execute(
                "SELECT rollups FROM pages WHERE number = ?", (number,)
            ).fetchone()
            body = json.loads(raw)
            middle = len(body["series_id"]) // 2
            if not middle:
                return False
            for part in (slice(None, middle), slice(middle, None)):
                self._insert(_part(body, part))
            self.delete(number)
        return True

    def _insert(self, body: dict[str, Any]) -> None:
        raw = json.dumps(body, separators=(",", ":")).encode()
        (number,) = self._db.execute("SELECT value FROM meta WHERE key = 'next_page'").fetchone()
        self._db.execute(
            "INSERT INTO pages(number, sha256, rollups, windows, made_ms) VALUES(?, ?, ?, ?, ?)",
            (
                *(int(number), sha256(raw).hexdigest(), raw, len(body["series_id"])),
                time.time_ns() // 1_000_000,
            ),
        )
        self._db.execute(
            "UPDATE meta SET value = ? WHERE key = 'next_page'", (str(int(number) + 1),)
        )

    def unpark(self) -> int:
        """Send every parked page again; return how many there were [1]."""
        return self._db.execute("UPDATE pages SET parked = NULL WHERE parked IS NOT NULL").rowcount

    def ask_again(self, where: dict[str, str]) -> int:
        """Ask the gateway to take refused messages again.

        Parameters
        ----------
        where : dict
            Values of `site`, `device`, `channel` or `reason`; empty for all.

        Returns
        -------
        int
            How many will be taken. [1]
        """
        keys = [key for key in ("site", "device", "channel", "reason") if where.get(key)]
        matches = "".join(f" AND {key} = ?" for key in keys)
        return self._db.execute(
            f"UPDATE kept SET again = 1 WHERE again = 0{matches}",  # noqa: S608
            [where[key] for key in keys],
        ).rowcount

    def asked(self) -> int:
        """Return how many messages still wait to be taken again [1]."""
        (waiting,) = self._db.execute("SELECT count(*) FROM kept WHERE again = 1").fetchone()
        return int(waiting)

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
            bodies = [json.loads(row[1]) for row in rows]
            return mark, [{k: v for k, v in b.items() if k not in LOCAL} for b in bodies]
        # A replay makes totals smaller, so the backend goes by this and not by their size.
        (base,) = self._db.execute("SELECT value FROM meta WHERE key = 'revisions'").fetchone()
        return mark, [
            dict(zip(_QUARANTINE, row, strict=True), revision=int(base) + changed)
            for changed, *row in rows
        ]

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

    def quarantine(self) -> Iterable[dict[str, Any]]:
        """Return every quarantine row, the largest first."""
        rows = self._db.execute(
            f"SELECT {', '.join(_QUARANTINE)} FROM quarantine "  # noqa: S608
            "WHERE readings + packs > 0 "
            "ORDER BY readings + packs DESC, site, device, channel, reason"
        )
        return [dict(zip(_QUARANTINE, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _part(body: dict[str, Any], part: slice) -> dict[str, Any]:
    # Some windows of a page, with only the series they belong to.
    used = sorted(set(body["series_id"][part]))
    place = {old: new for new, old in enumerate(used)}
    columns = {
        key: column[part] for key, column in body.items() if key not in ("tenant", "series")
    }
    columns["series_id"] = [place[old] for old in columns["series_id"]]
    return {"tenant": body["tenant"], "series": [body["series"][i] for i in used], **columns}
