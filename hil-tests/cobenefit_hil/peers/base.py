r"""What all sensor peers share: a world of instants, two lines, faults and a ledger.

A peer owns a recorded world: ascending instants and the value of each channel at each of them.
It opens two pseudo-terminals under stable names in a directory of its caller:

``<device>.sensor``
    The sensor's own protocol, as a real sensor speaks it.
``<device>.control``
    Simulated time, driven by the node, in ASCII lines:

    ==================  =====================  ==================================================
    node sends          peer answers           meaning
    ==================  =====================  ==================================================
    ``?\n``             ``<t_ms>\n``           next instant that has data (repeating is harmless)
    ``?\n``             ``end\n``              the world is exhausted
    ``<t_ms>\n``        ``ok\n``               it is now `t_ms`; the sensor's answer is in place
    anything else       ``error <why>\n``      nothing happened
    ==================  =====================  ==================================================

    Asking with the instant just proposed serves it and moves on. Any other instant shows the
    latest data not after it and books nothing new. Unread sensor bytes of an earlier instant are
    discarded first, so after ``ok`` the line holds this instant alone.

Without a control line (`play`) the peer follows the wall clock, for boards on a bench.

A value counts as served once per instant and channel, faulty or not; see `ledger.Ledger`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Self

import numpy as np

from cobenefit_hil.peers.ledger import Ledger
from cobenefit_hil.peers.pace import Paced
from cobenefit_hil.peers.pty import Line
from cobenefit_wire import quality

LINE_BYTES = 64
Channels = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault: at instant number `row` (from 0) the peer does `kind`.

    Kinds common to all peers: ``silence`` (no data, booked ``timeout``), ``step_back`` (counters
    served lower by `amount`, booked ``counter_went_back``) and ``clock`` (the proposed instant is
    replaced by `amount` [Unix ms], booked as time in the future or before the earliest). Further
    kinds are listed by each peer.
    """

    row: int
    kind: str
    amount: int = 0


class Peer(Paced, ABC):
    """A sensor on a pseudo-terminal; use it as a context manager or call `start` and `stop`."""

    kinds: tuple[str, ...] = ("silence", "step_back", "clock")
    counters: tuple[str, ...] = ()

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
    ) -> None:
        self.device = device
        self.times_ms = [int(t) for t in t_ms]
        self.values = {name: [int(v) for v in column] for name, column in values.items()}
        self._check(faults)
        self.faults = {fault.row: fault for fault in faults}
        self.ledger = Ledger(device, directory)
        self.sensor = Line(directory / f"{device}.sensor")
        self.control = Line(directory / f"{device}.control")
        self.done = Event()
        self._next_row = 0
        self._stopping = Event()
        self._threads: list[Thread] = []

    @abstractmethod
    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:
        """Put one instant on the sensor line.

        Parameters
        ----------
        t_ms : int
            The instant, Unix time. [ms]
        values : mapping of str to int
            Value by channel. [channel's own unit]
        fault : Fault or None
            What to get wrong.

        Returns
        -------
        dict of str to str
            Reason by channel, for the channels this fault spoils.
        """

    @property
    def served(self) -> int:
        """Return how many instants were served so far [1]."""
        return self._next_row

    def next_ms(self) -> int | None:
        """Return the instant the peer proposes next.

        Returns
        -------
        int or None
            Unix time, None when the world is exhausted. [ms]
        """
        if self._next_row >= len(self.times_ms):
            return None
        fault = self.faults.get(self._next_row)
        if fault is not None and fault.kind == "clock":
            return fault.amount
        return self.times_ms[self._next_row]

    def set_time(self, t_ms: int) -> None:
        """Make it `t_ms` in the peer's world.

        Parameters
        ----------
        t_ms : int
            Unix time. [ms]
        """
        if t_ms == self.next_ms():
            self._serve(self._next_row, t_ms)
            self._next_row += 1
            return
        row = int(np.searchsorted(self.times_ms, t_ms, side="right")) - 1
        if row >= 0:
            self.sensor.discard_unread()
            self.show(t_ms, self._row(row), None)

    def start(self) -> None:
        """Answer the control line in a thread of its own."""
        self._spawn(self._answer)

    def play(self, interval_s: float) -> None:
        """Serve instant after instant by the wall clock, without a control line.

        Parameters
        ----------
        interval_s : float
            Pause between two instants, > 0. [s]
        """
        self._spawn(self._play, interval_s)

    def stop(self) -> None:
        """End the threads, close the lines and write ``<device>.ledger.json``."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        path = self.ledger.path.with_suffix(".json")
        path.write_text(json.dumps(self.ledger.summary(), indent=1) + "\n", encoding="ascii")
        self.ledger.close()
        self.sensor.close()
        self.control.close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _serve(self, row: int, t_ms: int) -> None:
        values, fault = self._row(row), self.faults.get(row)
        reasons: dict[str, str] = {}
        if fault is not None:
            values, reasons = self._spoil(values, fault)
        self.sensor.discard_unread()
        reasons |= self.show(t_ms, values, fault)
        self.ledger.book(t_ms, values, reasons)

    def _row(self, row: int) -> dict[str, int]:
        return {name: column[row] for name, column in self.values.items()}

    def _spoil(
        self, values: dict[str, int], fault: Fault
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Apply the faults that every peer knows."""
        if fault.kind == "silence":
            return values, dict.fromkeys(values, quality.NAMES[quality.TIMEOUT])
        if fault.kind == "clock":
            late = fault.amount > self.times_ms[-1]
            code = quality.TIME_FUTURE if late else quality.TIME_BEFORE
            return values, dict.fromkeys(values, quality.NAMES[code])
        if fault.kind == "step_back":
            lower = {name: values[name] - fault.amount for name in self.counters}
            reason = quality.NAMES[quality.COUNTER_BACK]
            return values | lower, dict.fromkeys(self.counters, reason)
        return values, {}

    def _check(self, faults: Sequence[Fault]) -> None:
        for name, column in self.values.items():
            if len(column) != len(self.times_ms):
                raise ValueError(f"{self.device}: {name} is not as long as its times")
        if any(b <= a for a, b in pairwise(self.times_ms)):
            raise ValueError(f"{self.device}: times must ascend")
        for fault in faults:
            if fault.kind not in self.kinds:
                raise ValueError(f"{self.device}: no fault {fault.kind!r}; known: {self.kinds}")

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, name=self.device, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _answer(self) -> None:
        buffer = b""
        while not self._stopping.is_set():
            buffer += self.control.read()
            *lines, buffer = buffer.split(b"\n")
            buffer = buffer[-LINE_BYTES:]
            for line in lines:
                self.control.write(self._reply(line.strip()))

    def _reply(self, line: bytes) -> bytes:
        if line == b"?":
            t_ms = self.next_ms()
            if t_ms is None:
                self.done.set()
                return b"end\n"
            return b"%d\n" % t_ms
        if not line.isdigit():
            return b"error: send ? or a Unix time in ms\n"
        if not self._may_move(self.served, self.control, self._stopping):
            return b""
        self.set_time(int(line))
        return b"ok\n"

    def _play(self, interval_s: float) -> None:
        t_ms = self.next_ms()
        while t_ms is not None and not self._stopping.wait(interval_s):
            self.set_time(t_ms)
            t_ms = self.next_ms()
        self.done.set()
