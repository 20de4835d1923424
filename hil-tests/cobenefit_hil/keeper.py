"""Boots a board again after each reset, as a real one does by itself."""

import threading
from types import TracebackType
from typing import Self

from cobenefit_hil.virtual.board import VirtualBoard

RESET = 73
_POLL_S = 0.05


class Keeper:
    """Keeps a board running for the length of a `with` block.

    Parameters
    ----------
    board : VirtualBoard
        Off.
    """

    def __init__(self, board: VirtualBoard) -> None:
        self.board = board
        self.boots = 0
        self.codes: list[int] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def power_cut(self) -> None:
        """Take the board's power away and give it back."""
        with self._lock:
            self.board.power_cut()
            self._boot()

    def __enter__(self) -> Self:
        """Switch the board on."""
        self._boot()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch the board off."""
        self._stop.set()
        self._thread.join()
        self.board.power_cut()

    def _boot(self) -> None:
        self.board.boot()
        self.boots += 1

    def _keep(self) -> None:
        while not self._stop.wait(_POLL_S):
            with self._lock:
                if self.board.poll() is None:
                    continue
                self.codes.append(self.board.wait(1))
                if self.codes[-1] != RESET:
                    return
                self._boot()
