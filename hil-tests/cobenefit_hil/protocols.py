"""What a test may ask of a board, virtual or real."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Board(Protocol):
    """The verbs of a board with sensors; of one with a console alone see `serial_board`."""

    def flash(self, config: Mapping[str, Any]) -> None:
        """Put firmware and configuration on the board; the ring stays as it is.

        Parameters
        ----------
        config : mapping
            Contents of `config.json`.
        """

    def boot(self) -> None:
        """Switch the board on."""

    def power_cut(self) -> None:
        """Take its power away, in the middle of whatever it does."""

    def wait(self, timeout_s: float) -> int:
        """Wait until it has ended by itself.

        Parameters
        ----------
        timeout_s : float
            Longest wait, > 0. [s]

        Returns
        -------
        int
            Exit code, 0 when all was said and done. [1]
        """

    def console(self) -> str:
        """Return what it has printed since it was flashed.

        Returns
        -------
        str
            Lines of text.
        """

    def file(self, name: str) -> Path:
        """Return where a file of the board can be read.

        Parameters
        ----------
        name : str
            Path on the board.

        Returns
        -------
        pathlib.Path
            Path on this machine.
        """
