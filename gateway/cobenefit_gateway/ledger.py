"""The operator's own small database beside the gateway's: alarms, who was heard when, vitals.

`operate.db` holds nothing that counts for a figure, so it is synced lazily (synchronous=NORMAL)
and may be deleted. One writer, the watch thread; `cobenefit gateway alarms ack` writes a mark.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS alarms(
  id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, site TEXT NOT NULL,
  device TEXT NOT NULL, severity TEXT NOT NULL, facts TEXT NOT NULL, raised_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL, cleared_ms INTEGER, acked_ms INTEGER);
CREATE INDEX IF NOT EXISTS alarms_open ON alarms(code, site, device) WHERE cleared_ms IS NULL;
CREATE TABLE IF NOT EXISTS heard(
  site TEXT, device TEXT, t_ms INTEGER NOT NULL, PRIMARY KEY(site, device)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asleep(
  site TEXT, device TEXT, back_ms INTEGER NOT NULL, PRIMARY KEY(site, device)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks(
  name TEXT PRIMARY KEY, value INTEGER NOT NULL, grew_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(
  number INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, alarm INTEGER NOT NULL,
  event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vitals(
  one INTEGER PRIMARY KEY CHECK(one = 1), t_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


class Ledger:
    """A connection to `operate.db`.

    Parameters
    ----------
    folder : Path
        The gateway's data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.db = sqlite3.connect(
            folder / "operate.db", isolation_level=None, timeout=30.0, check_same_thread=False
        )
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(_SCHEMA)

    def heard(self, times: Mapping[str, Mapping[str, int]]) -> None:
        """Remember when devices were last heard, by site and device."""
        self.db.executemany(
            "INSERT INTO heard VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET "
            "t_ms = max(t_ms, excluded.t_ms)",
            (
                (site, device, t_ms)
                for site, devices in times.items()
                for device, t_ms in devices.items()
            ),
        )

    def asleep(self, times: dict[tuple[str, str], int]) -> None:
        """Remember when devices said they would be back from sleep, 0 for one that is awake."""
        self.db.executemany(
            "INSERT OR REPLACE INTO asleep VALUES(?, ?, ?)",
            [(*place, back_ms) for place, back_ms in times.items()],
        )

    def grew(self, values: dict[str, int], now_ms: int) -> dict[str, int]:
        """Return when each counter was last seen to grow.

        Parameters
        ----------
        values : dict
            Counters by name; those at 0 are not kept.
        now_ms : int
            Gateway time. [Unix ms]

        Returns
        -------
        dict
            Unix ms by name.
        """
        self.db.executemany(
            "INSERT INTO marks VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET "
            "grew_ms = CASE WHEN excluded.value > value THEN excluded.grew_ms ELSE grew_ms END, "
            "value = excluded.value",
            [(name, value, now_ms) for name, value in values.items() if value],
        )
        return dict(self.db.execute("SELECT name, grew_ms FROM marks"))

    def count(self, name: str, more: int) -> None:
        """Add to a total of this database.

        Parameters
        ----------
        name : str
            What is counted.
        more : int
            How many. [1]
        """
        self.db.execute(
            "INSERT INTO totals VALUES(?, ?) ON CONFLICT DO UPDATE SET "
            "count = count + excluded.count",
            (name, more),
        )

    def totals(self) -> dict[str, int]:
        """Return the totals of this database by name."""
        return dict(self.db.execute("SELECT name, count FROM totals"))

    def save_vitals(self, body: dict[str, Any], now_ms: int) -> None:
        """Keep what only the running process knows, for those who look from outside.

        Parameters
        ----------
        body : dict
            Plain JSON.
        now_ms : int
            Gateway time. [Unix ms]
        """
        self.db.execute(
            "INSERT OR REPLACE INTO vitals VALUES(1, ?, ?)", (now_ms, json.dumps(body))
        )

    def vitals(self) -> tuple[int, dict[str, Any]]:
        """Return when vitals were last saved (0 for never), and what they were [Unix ms, -]."""
        row = self.db.execute("SELECT t_ms, body FROM vitals").fetchone()
        return (row[0], json.loads(row[1])) if row else (0, {})

    def close(self) -> None:
        """Close the connection."""
        self.db.close()
