"""An access point for virtual boards: on, off, with another password, or with a driver that hangs.

Boards poll a file, as `virtual/network.py` says, and write what it would see to a log. Example:

    point = AccessPoint(tmp_path / "ap", "barn", "correct horse")
    board = VirtualBoard(config, workdir, {**lines, **point.lines()})
    point.off()
    assert ("lost", "meter") in point.seen()
"""

import json
from pathlib import Path


class AccessPoint:
    """One access point, on from the beginning.

    Parameters
    ----------
    path : Path
        Of its file; the log is beside it.
    ssid : str
        Its name.
    password : str
        What it asks for; empty: nothing.
    channel : int
        Where it is, 1 to 13. [1]
    """

    def __init__(self, path: Path, ssid: str, password: str, channel: int = 6) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}.log")
        self._answers = {
            "ssid": ssid,
            "password": password,
            "channel": channel,
            "rssi_dbm": -61,
            "hangs": 0,
        }
        self.on()

    def lines(self) -> dict[str, str]:
        """Return the lines of a board within its reach.

        Returns
        -------
        dict
            For `VirtualBoard`'s `peers`.
        """
        return {"AP": str(self._path)}

    def on(self, **changes: object) -> None:
        """Switch it on.

        Parameters
        ----------
        **changes : object
            `password`, `ssid`, `channel`, `rssi_dbm`; `hangs`: a number not used before makes the
            board's driver hang until its interface is switched off.
        """
        self._answers.update(changes)
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(json.dumps(self._answers), encoding="utf-8")
        fresh.replace(self._path)

    def off(self) -> None:
        """Take its power away."""
        self._path.unlink(missing_ok=True)

    def seen(self) -> list[tuple[int, str, str]]:
        """Return what boards did.

        Returns
        -------
        list of tuple
            Ticks of the board [ms]; `on`, `off`, `joined`, `lost`, `absent`, `refused` or
            `address …`; the board's host name.
        """
        if not self._log.exists():
            return []
        lines = self._log.read_text(encoding="utf-8").splitlines()
        rows = (line.split(" ") for line in lines)
        return [(int(row[0]), " ".join(row[1:-1]), row[-1]) for row in rows]

    def count(self, what: str) -> int:
        """Return how often boards did that.

        Parameters
        ----------
        what : str
            As in `seen`.

        Returns
        -------
        int
            The count. [1]
        """
        return sum(1 for _, done, _ in self.seen() if done == what)
