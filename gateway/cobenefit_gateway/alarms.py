"""Alarms: raised once, cleared when the cause has been gone for a while, acknowledged by people.

A cause is (code, site, device). While it lasts its alarm stays open and only its facts change; an
alarm whose cause comes back within `clear_s` is the same alarm. Everything is in `operate.db`, so
a restart raises nothing twice. Bounded: what finds no room is counted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cobenefit_gateway.alarm_codes import CODES, WARNING
from cobenefit_gateway.ledger import Ledger

#: Open alarms at most, cleared ones remembered, and messages waiting to be delivered. [1]
MAX_OPEN, MAX_CLEARED, MAX_OUTBOX = 10_000, 1000, 1000
RAISED, CLEARED = "raised", "cleared"

Cause = tuple[str, str, str]
Causes = Mapping[Cause, dict[str, Any]]
_COLUMNS = "id, code, site, device, severity, facts, raised_ms, last_ms, cleared_ms, acked_ms"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; `cleared_ms` and `acked_ms` are None until it happens."""

    id: int
    code: str
    site: str
    device: str
    severity: str
    facts: dict[str, Any]
    raised_ms: int
    last_ms: int
    cleared_ms: int | None
    acked_ms: int | None

    @property
    def cause(self) -> Cause:
        """What it is about."""
        return self.code, self.site, self.device

    @property
    def place(self) -> str:
        """Site and device, or the gateway itself."""
        return "/".join(filter(None, (self.site, self.device))) or "gateway"


class Alarms:
    """The book of alarms.

    Parameters
    ----------
    ledger : Ledger
        Where it is kept.
    clear_s : int
        How long a cause must be gone. [s]
    """

    def __init__(self, ledger: Ledger, clear_s: int) -> None:
        self._ledger = ledger
        self._clear_ms = clear_s * 1000

    def open(self) -> list[Alarm]:
        """Return the open alarms, the worst and then the newest first."""
        found = self._select("WHERE cleared_ms IS NULL")
        order = ("critical", "warning", "info")
        return sorted(found, key=lambda a: (order.index(a.severity), -a.raised_ms))

    def get(self, number: int) -> Alarm | None:
        """Return one alarm.

        Parameters
        ----------
        number : int
            Its id. [1]

        Returns
        -------
        Alarm or None
            None when it is unknown or forgotten.
        """
        return next(iter(self._select("WHERE id = ?", number)), None)

    def update(self, causes: Causes, now_ms: int) -> list[tuple[int, str]]:
        """Raise what is new, keep what lasts, clear what is gone.

        Parameters
        ----------
        causes : mapping
            Facts by cause, everything that is wrong now.
        now_ms : int
            Gateway time. [Unix ms]

        Returns
        -------
        list of (int, str)
            Ids of alarms and `RAISED` or `CLEARED`. [1, -]
        """
        known = {alarm.cause: alarm for alarm in self.open()}
        events = []
        for cause, alarm in known.items():
            if cause in causes:
                if now_ms - alarm.last_ms >= self._clear_ms // 4:  # spares the disk
                    self._touch(alarm, causes[cause], now_ms)
            elif now_ms - alarm.last_ms >= self._clear_ms:
                self._set(alarm.id, "cleared_ms", now_ms)
                events.append((alarm.id, CLEARED))
        room = MAX_OPEN - len(known) + len(events)
        new = [cause for cause in causes if cause not in known]
        fit = new[: max(room, 0)]
        events += [(self._raise(cause, causes[cause], now_ms), RAISED) for cause in fit]
        if len(new) > len(fit):
            self._ledger.count("alarms_dropped", len(new) - len(fit))
        self._forget()
        return events

    def acknowledge(self, number: int, now_ms: int) -> bool:
        """Note that somebody has seen an alarm.

        Parameters
        ----------
        number : int
            Its id. [1]
        now_ms : int
            Gateway time. [Unix ms]

        Returns
        -------
        bool
            Whether there is such an alarm, open.
        """
        alarm = self.get(number)
        if alarm is None or alarm.cleared_ms is not None:
            return False
        if alarm.acked_ms is None:
            self._set(number, "acked_ms", now_ms)
        return True

    def queue(self, channel: str, events: list[tuple[int, str]]) -> None:
        """Queue events for one way of delivery; the oldest make room and are counted."""
        db = self._ledger.db
        db.executemany(
            "INSERT INTO outbox(channel, alarm, event) VALUES(?, ?, ?)",
            [(channel, number, event) for number, event in events],
        )
        gone = db.execute(
            "DELETE FROM outbox WHERE channel = ? AND number NOT IN "
            "(SELECT number FROM outbox WHERE channel = ? ORDER BY number DESC LIMIT ?)",
            (channel, channel, MAX_OUTBOX),
        ).rowcount
        if gone:
            self._ledger.count("notices_dropped", gone)

    def waiting(self, channel: str) -> list[tuple[int, Alarm, str]]:
        """Return what is queued for one way: number, alarm, event [1, -, -]."""
        rows = self._ledger.db.execute(
            "SELECT number, alarm, event FROM outbox WHERE channel = ? ORDER BY number", (channel,)
        ).fetchall()
        found = [(number, self.get(alarm), event) for number, alarm, event in rows]
        return [(number, alarm, event) for number, alarm, event in found if alarm is not None]

    def delivered(self, channel: str, upto: int) -> None:
        """Forget what was delivered.

        Parameters
        ----------
        channel : str
            The way.
        upto : int
            The last number of `waiting`. [1]
        """
        self._ledger.db.execute(
            "DELETE FROM outbox WHERE channel = ? AND number <= ?", (channel, upto)
        )

    def _select(self, where: str, *values: object) -> list[Alarm]:
        rows = self._ledger.db.execute(f"SELECT {_COLUMNS} FROM alarms {where}", values)  # noqa: S608
        return [Alarm(*(*row[:5], json.loads(row[5]), *row[6:])) for row in rows]

    def _raise(self, cause: Cause, facts: dict[str, Any], now_ms: int) -> int:
        code, site, device = cause
        severity = CODES[code].severity if code in CODES else WARNING
        made = self._ledger.db.execute(
            "INSERT INTO alarms(code, site, device, severity, facts, raised_ms, last_ms) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)",
            (code, site, device, severity, json.dumps(facts), now_ms, now_ms),
        )
        return int(made.lastrowid or 0)

    def _touch(self, alarm: Alarm, facts: dict[str, Any], now_ms: int) -> None:
        self._ledger.db.execute(
            "UPDATE alarms SET last_ms = ?, facts = ? WHERE id = ?",
            (now_ms, json.dumps(facts), alarm.id),
        )

    def _set(self, number: int, column: str, now_ms: int) -> None:
        self._ledger.db.execute(
            f"UPDATE alarms SET {column} = ? WHERE id = ?",  # noqa: S608
            (now_ms, number),
        )

    def _forget(self) -> None:
        self._ledger.db.execute(
            "DELETE FROM alarms WHERE cleared_ms IS NOT NULL AND id NOT IN (SELECT id FROM alarms "
            "WHERE cleared_ms IS NOT NULL ORDER BY cleared_ms DESC LIMIT ?) "
            "AND id NOT IN (SELECT alarm FROM outbox)",
            (MAX_CLEARED,),
        )
