"""What was done to which board, a JSON line each, on the disk before the next step is taken.

A step counts for the images it was done with, and only when its line is whole: after a kill, a
full disk or a pulled plug the journal may say less than was done, never more.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FILE = "journal.jsonl"


class JournalError(OSError):
    """Somebody else flashes this batch at the moment."""


class Journal:
    """The journal of one batch; safe for many threads, closed to other processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._rows: list[dict[str, str]] = []
        self.damaged = 0
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            os.close(self._file)
            raise JournalError(f"{self.path}: another flasher works on this batch") from err
        self._read()

    def _read(self) -> None:
        raw = self.path.read_bytes()
        for line in raw.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                self.damaged += 1
                continue
            self._rows.append(row)
        if raw and not raw.endswith(b"\n"):
            os.write(self._file, b"\n")

    def note(self, step: str, *, node: str, mac: str, work: str = "", detail: str = "") -> None:
        """Add a line and wait until it is on the disk.

        Parameters
        ----------
        step : str
            `bound`, `begun`, `firmware`, `identity`, `flashed`, `booted` or `tested`.
        node, mac : str
            Of whom.
        work : str
            Digest of the images it was done with.
        detail : str
            What a person wants to know.

        Raises
        ------
        OSError
            If the disk does not take it: the step then does not count.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"at": at, "step": step, "node": node, "mac": mac, "work": work, "detail": detail}
        line = (json.dumps(row) + "\n").encode()
        with self._lock:
            written = os.write(self._file, line)
            if written < len(line):
                os.write(self._file, b"\n")
                raise OSError(28, f"{self.path}: the disk is full")
            os.fsync(self._file)
            self._rows.append(row)

    def mac_of(self, node: str) -> str:
        """Return the board that was given to a node, empty when none was.

        Parameters
        ----------
        node : str
            `<site>/<device>`.

        Returns
        -------
        str
            Its MAC.
        """
        with self._lock:
            macs = [row["mac"] for row in self._rows if row["node"] == node]
        return macs[-1] if macs else ""

    def made_in(self, place: str) -> str:
        """Return the node that was flashed last in a place.

        Parameters
        ----------
        place : str
            Detail of its line `flashed`.

        Returns
        -------
        str
            `<site>/<device>`, empty when none was.
        """
        with self._lock:
            rows = [r for r in self._rows if r["step"] == "flashed" and r["detail"] == place]
        return rows[-1]["node"] if rows else ""

    def reached(self, node: str, work: str) -> set[str]:
        """Return the steps that hold for a node with these images.

        Parameters
        ----------
        node : str
            `<site>/<device>`.
        work : str
            Digest of the images.

        Returns
        -------
        set of str
            Steps since it was begun last; empty when it was begun with others.
        """
        steps: set[str] = set()
        with self._lock:
            for row in self._rows:
                if row["node"] == node:
                    if row["step"] == "begun":
                        steps = set()
                    if row["work"] == work:
                        steps.add(row["step"])
                    elif row["work"]:
                        steps = set()
        return steps

    def close(self) -> None:
        """Let others flash."""
        os.close(self._file)


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """Open the journal of a batch for as long as it is flashed.

    Parameters
    ----------
    folder : Path
        The batch's.

    Yields
    ------
    Journal
        Its journal.
    """
    journal = Journal(folder)
    try:
        yield journal
    finally:
        journal.close()
