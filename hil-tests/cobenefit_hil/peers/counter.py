r"""A hardware pulse counter: S0 meter output or inductive road loop.

A virtual board has no counter peripheral. Its `machine.Counter` asks this peer on the sensor
line: it sends ``c\n`` and reads the count as a decimal ASCII line. A fault ``silence`` leaves the
question unanswered; the count wraps at 2^32 as the register of a board does.

Channel: one, ``pulse_count`` or ``vehicle_count``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer

WRAP = 1 << 32
QUESTION = b"c"


class CounterPeer(Peer):
    """The register behind `machine.Counter`."""

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
    ) -> None:
        if len(values) != 1:
            raise ValueError(f"{device}: a counter has one channel, not {sorted(values)}")
        wrapped = {name: [int(v) % WRAP for v in column] for name, column in values.items()}
        super().__init__(device, directory, t_ms, wrapped, faults)
        self.counters = tuple(wrapped)
        self._count: int | None = 0

    def start(self) -> None:
        """Answer both lines, each in a thread of its own."""
        super().start()
        self._spawn(self._count_out)

    def play(self, interval_s: float) -> None:
        """Count by the wall clock, and answer the sensor line.

        Parameters
        ----------
        interval_s : float
            Pause between two instants, > 0. [s]
        """
        super().play(interval_s)
        self._spawn(self._count_out)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        silent = fault is not None and fault.kind == "silence"
        self._count = None if silent else next(iter(values.values()))
        return {}

    def _count_out(self) -> None:
        while not self._stopping.is_set():
            count = self.sensor.read().count(QUESTION)
            if self._count is not None:
                self.sensor.write(b"%d\n" % self._count * count)
