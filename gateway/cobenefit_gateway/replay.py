"""Take refused messages, refused pages or a journal file once more, after the cause was put right.

A refused message is known by its number in the database and leaves it in the same transaction that
takes its readings, so a replay that is cut short or asked for twice counts nothing twice. Packs of
a journal file are known by their sequences, as always.
"""

import time
from pathlib import Path

from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import StorageError
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import OVERSIZE, Record, records
from cobenefit_gateway.lock import FolderLock
from cobenefit_gateway.opening import open_store
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.spool import Spool
from cobenefit_wire import topics
from cobenefit_wire.errors import WireError

_AT_ONCE = 5000


class Offline:
    """A data folder without a running gateway, opened to take things in.

    Parameters
    ----------
    config : Config
        Which folder.

    Raises
    ------
    StorageError
        If a gateway works there.
    """

    def __init__(self, config: Config) -> None:
        self._lock = FolderLock(config.data_dir)
        self._store = open_store(config)
        self._state = self._store.load()
        readings = Readings(config, self._state, self._store.window)
        self._intake = Intake(config, self._state, readings)

    def again(self) -> None:
        """Take every message that was asked for."""
        while asked := self._store.asked_again():
            self._intake.again(asked)
            self._save()

    def journal(self, path: Path) -> tuple[int, int]:
        """Take the packs of a journal file that were never taken.

        Parameters
        ----------
        path : Path
            A segment, or what is left of one.

        Returns
        -------
        tuple of int
            Packs read, and how many of them were new. [1, 1]
        """
        data = path.read_bytes()
        packs = [r for r in records(data) if r.kind != OVERSIZE and _is_pack(r)]
        before = self._state.totals["duplicates"]
        for start in range(0, len(packs), _AT_ONCE):
            self._intake.take(packs[start : start + _AT_ONCE])
        self._save()
        return len(packs), len(packs) - (self._state.totals["duplicates"] - before)

    def close(self) -> None:
        """Let the gateway have its folder back."""
        self._store.close()
        self._lock.release()

    def _save(self) -> None:
        # The journal's own position stays: nothing of it was read here.
        self._store.checkpoint(self._state, self._store.position, copy=True)


def replay(config: Config, where: dict[str, str], wait_s: float) -> tuple[int, int]:
    """Take refused messages again, here or in the gateway that runs.

    Parameters
    ----------
    config : Config
        Which folder.
    where : dict
        As for `Spool.ask_again`.
    wait_s : float
        How long a running gateway may take. [s]

    Returns
    -------
    tuple of int
        How many were asked for, and how many of them still wait. [1, 1]
    """
    spool = Spool(config.data_dir / "gateway.db")
    try:
        asked = spool.ask_again(where)
        try:
            offline = Offline(config)
        except StorageError:  # a gateway runs: its next checkpoint takes them
            until = time.monotonic() + wait_s
            while spool.asked() and time.monotonic() < until:
                time.sleep(0.05)
        else:
            offline.again()
            offline.close()
        return asked, spool.asked()
    finally:
        spool.close()


def _is_pack(record: Record) -> bool:
    try:
        return bool(topics.parse(record.topic).leaf == "up")
    except WireError:
        return False
