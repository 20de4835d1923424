"""What a batch needs to know of many series at once: columns indexed by series number.

A series has a rule, shared with others like it, and its last readings, which change with every
batch. Plain arrays that grow when they are full. It must do no I/O.

    >>> table = Table()
    >>> table.reserve(3)
    >>> int(table.max_t_ms[3]) == NEVER_MS
    True
"""

from collections.abc import Mapping
from math import inf
from mmap import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cobenefit_wire import units

if TYPE_CHECKING:
    from cobenefit_gateway.state import Rule

#: No event time yet. [ms]
NEVER_MS = -(1 << 62)
#: No open window.
NONE = -1
#: Entries that are made at once. [1]
_STEP = 1024
Kinds = Mapping[str, tuple[DTypeLike, Any]]


class Growing:
    """Columns of one length that are attributes; a subclass names them.

    Parameters
    ----------
    kinds : mapping
        Type of each column, and what stands where nothing was written.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._room: dict[str, NDArray[Any]] = {
            name: _mapped(kind, _STEP) for name, (kind, _) in kinds.items()
        }
        self.size = 0
        self.reserve(0)

    def reserve(self, number: int) -> None:
        """Make room for an entry.

        Parameters
        ----------
        number : int
            Its number, >= 0. [1]
        """
        if number < self.size:
            return
        size = (number // _STEP + 1) * _STEP
        for name, (kind, nothing) in self._kinds.items():
            room = self._room[name]
            if size > room.size:
                room = _mapped(kind, max(2 * room.size, size))
                room[: self.size] = getattr(self, name)
            room[self.size : size] = nothing
            self._room[name] = room
            setattr(self, name, room[:size])
        self.size = size


def _mapped(kind: DTypeLike, size: int) -> NDArray[Any]:
    # Memory of its own: not there before it is written to, given back whole when outgrown.
    kind = np.dtype(kind)
    return np.frombuffer(mmap(-1, size * kind.itemsize), dtype=kind)


class Rules(Growing):
    """The rules of all series, each once, as columns."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gap_ms: NDArray[np.int64]
    join_ms: NDArray[np.int64]
    modulus: NDArray[np.float64]
    zone: NDArray[np.int32]
    counter: NDArray[np.bool_]
    event: NDArray[np.bool_]
    fine: NDArray[np.bool_]
    rate_per_s: NDArray[np.float64]
    stuck_ms: NDArray[np.int64]
    deviations: NDArray[np.float64]

    def __init__(self) -> None:
        self.zones: list[str] = []
        self._rules: list[Rule] = []
        self._numbers: dict[Rule, int] = {}
        real, whole, yes = (np.float64, 0.0), (np.int64, 0), (np.bool_, False)
        super().__init__({
            **dict.fromkeys(("low", "high", "modulus", "rate_per_s", "deviations"), real),
            **dict.fromkeys(("gap_ms", "join_ms", "stuck_ms"), whole),
            **dict.fromkeys(("counter", "event", "fine"), yes),
            "zone": (np.int32, 0),
        })  # fmt: skip

    def number(self, rule: "Rule") -> int:
        """Return the number of a rule.

        Parameters
        ----------
        rule : Rule
            How series are judged and aggregated.

        Returns
        -------
        int
            Index of its columns. [1]
        """
        number = self._numbers.get(rule)
        if number is None:
            number = self._numbers[rule] = len(self._rules)
            self._rules.append(rule)
            self._add(number, rule)
        return number

    def rule(self, number: int) -> "Rule":
        """Return a rule by its number.

        Parameters
        ----------
        number : int
            As `number` gave it. [1]

        Returns
        -------
        Rule
            The same object.
        """
        return self._rules[number]

    def _add(self, i: int, rule: "Rule") -> None:
        self.reserve(i)
        self.low[i], self.high[i] = rule.low, rule.high
        self.gap_ms[i], self.join_ms[i] = rule.links.gap_ms, rule.links.join_ms
        self.modulus[i] = rule.links.modulus
        self.zone[i] = self._zone_number(rule.zone)
        self.counter[i] = rule.kind == units.COUNTER
        self.event[i] = bool(rule.edges.size)
        self.fine[i] = rule.fine
        self.rate_per_s[i] = inf if self.event[i] else rule.rate_per_s
        self.stuck_ms[i], self.deviations[i] = rule.stuck_ms, rule.deviations

    def _zone_number(self, zone: str) -> int:
        if zone not in self.zones:
            self.zones.append(zone)
        return self.zones.index(zone)


class Table(Growing):
    """Columns of all series; entry 0 belongs to none.

    `rule` is an index of `rules`, `window` the slot of an open window or `NONE` (`slots`);
    windows that end up to `closed_ms` are closed; `changed` is not saved as it is, `known` has a
    row in the database.
    """

    rule: NDArray[np.int32]
    window: NDArray[np.int32]
    max_t_ms: NDArray[np.int64]
    last_t_ms: NDArray[np.int64]
    last: NDArray[np.float64]
    suspect: NDArray[np.float64]
    closed_ms: NDArray[np.int64]
    changed: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def __init__(self) -> None:
        self.rules = Rules()
        super().__init__({
            "rule": (np.int32, 0),
            "window": (np.int32, NONE),
            **dict.fromkeys(("max_t_ms", "last_t_ms", "closed_ms"), (np.int64, NEVER_MS)),
            **dict.fromkeys(("last", "suspect"), (np.float64, np.nan)),
            **dict.fromkeys(("changed", "known"), (np.bool_, False)),
        })  # fmt: skip
