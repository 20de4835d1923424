"""Plain SenML JSON of many messages at once, as machines write it.

All records of a message but the first are then one text around two numbers. Closing braces tell
where each record ends, so its beginning, where the first number begins, is known; the number's
length says where the text between the two should stand, and so on to the next brace. All of that
is compared, so nothing is guessed, and for all records of many messages at once. The numbers are
put together from their digits (`digits`). First records are read as one array; a message of one
record is told by it. What does not fit is left to `senml_in`; what fits reads the same there. It
must do no I/O.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from cobenefit_gateway.digits import (
    LONGEST,
    BoolArray,
    FloatArray,
    IntArray,
    Text,
    numbers,
    until,
)
from cobenefit_gateway.senml_in import RELATIVE_BELOW_S, Channel, First, PlainRecord

_read_first = msgspec.json.Decoder(First).decode
_read_firsts = msgspec.json.Decoder(list[First]).decode
_read_record = msgspec.json.Decoder(PlainRecord).decode
#: The second record of a message with the comma before it: two numbers and what is around them.
_LIKE_THIS = re.compile(
    rb'(,[ \t\r\n]*)(\{[^{}]*?"[tv]": ?)([-.0-9]+)([^{}]*?"[tv]": ?)([-.0-9]+)([^{}]*\})'
)
#: Bytes of messages worked on at once: what is made of them stays in a second-level cache. [B]
_AT_ONCE = 1 << 19


class _Layout(NamedTuple):
    # What a record says beside its two numbers: before, between and after them.
    lead: bytes
    middle: bytes
    end: bytes
    name: str
    unit: str | msgspec.UnsetType
    time_first: bool


class _Portion:
    # Some messages, each of which begins and ends as one of plain SenML does.

    def __init__(self, numbers_: list[int], payloads: list[bytes]) -> None:
        self.at, self.payloads = numbers_, payloads
        self.text = Text(payloads)
        #: Where each record ends.
        self.ends = self.text.places(b"}")
        until_ = self.text.first + np.cumsum([len(text) for text in payloads])
        #: How many records each message has, and which is its first.
        after = np.searchsorted(self.ends, until_)
        self.count = np.diff(after, prepend=0)
        self.heads = after - self.count
        head_end = self.ends[self.heads] + 1
        head_end[1:] -= until_[:-1]
        head_end[0] -= self.text.first
        self.head_end = head_end.tolist()
        self.first = _firsts([x[1:end] for x, end in zip(payloads, self.head_end, strict=True)])

    def records(self, rows: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        # Where each record of some messages begins and where its last brace is; which of them
        # are first ones, and how many there are. In the place of a first one is its next.
        n, start = self.count[rows], self.heads[rows]
        heads = np.cumsum(n) - n
        which = np.arange(int(n.sum())) + np.repeat(start - heads, n)
        which[heads] += 1
        return self.ends[which - 1] + 1, self.ends[which], heads, n


class Runs(NamedTuple):
    """Messages of one channel each: which they are, and their readings one after the other."""

    at: list[int]
    first: list[First]
    n: IntArray
    t: FloatArray
    value: FloatArray

    def chosen(self, rows: BoolArray) -> "Runs":
        """Return some of the messages.

        Parameters
        ----------
        rows : ndarray, shape (n,)
            Which.

        Returns
        -------
        Runs
            In the same order.
        """
        if rows.all():
            return self
        wanted = rows.tolist()
        at = [x for x, good in zip(self.at, wanted, strict=True) if good]
        first = [x for x, good in zip(self.first, wanted, strict=True) if good]
        readings = np.repeat(rows, self.n)
        return Runs(at, first, self.n[rows], self.t[readings], self.value[readings])


class Alike:
    """What was read at once.

    Parameters
    ----------
    first : dict
        The first record of each message, by number of the message.
    runs : list of Runs
        The readings of those that hold more than one.
    """

    def __init__(self, first: dict[int, First], runs: list[Runs]) -> None:
        self.first = first
        self.runs = runs

    @cached_property
    def _rows(self) -> dict[int, tuple[Runs, int]]:
        return {at: (runs, row) for runs in self.runs for row, at in enumerate(runs.at)}

    def channel(self, i: int) -> Channel | None:
        """Return what a message holds; None when that is its first record.

        Parameters
        ----------
        i : int
            Its number. [1]

        Returns
        -------
        Channel or None
            Of absolute times.
        """
        if i not in self._rows:
            return None
        runs, row = self._rows[i]
        start = int(runs.n[:row].sum())
        part = slice(start, start + int(runs.n[row]))
        first = runs.first[row]
        unit = first.unit_of(first.u)
        return Channel(first.channel, unit, runs.t[part], runs.value[part], None, first.bt, 1000.0)


def decode_alike(payloads: Mapping[int, bytes]) -> Alike:
    """Return what is in each message of one record or of one channel, written alike, in order.

    Parameters
    ----------
    payloads : mapping
        Messages by number.

    Returns
    -------
    Alike
        The messages that are not there are for `senml_in.decode_senml`.
    """
    found: dict[int, First] = {}
    runs: list[Runs] = []
    for portion in _portions(payloads):
        n = portion.count.tolist()
        alone = zip(portion.at, portion.first, n, strict=True)
        found.update((i, one) for i, one, k in alone if k == 1 and one is not None)
        many = [row for row, k in enumerate(n) if k > 1]
        for layout, rows in _grouped(portion, many, guess=True).items():
            others = _read(layout, portion, rows, runs)
            for own, some in _grouped(portion, others, guess=False).items():
                if own != layout:
                    _read(own, portion, some, runs)
    for one in runs:
        found.update(zip(one.at, one.first, strict=True))
    return Alike(found, runs)


def _portions(payloads: Mapping[int, bytes]) -> Iterator[_Portion]:
    # Those that begin and end as the others, some at a time.
    at = [i for i, x in payloads.items() if x[:2] == b"[{" and x[-2:] == b"}]"]
    texts = [payloads[i] for i in at]
    size = sum(map(len, texts)) // max(len(texts), 1)
    step = max(_AT_ONCE // max(size, 1), 1)
    for i in range(0, len(at), step):
        yield _Portion(at[i : i + step], texts[i : i + step])


def _firsts(texts: list[bytes]) -> Sequence[First | None]:
    # Each text ends with its only closing brace, so as many records as texts are these.
    try:
        firsts = _read_firsts(b"[" + b",".join(texts) + b"]")
        if len(firsts) == len(texts):
            return firsts
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    return [_first(text) for text in texts]


def _first(text: bytes) -> First | None:
    try:
        return _read_first(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _grouped(portion: _Portion, rows: list[int], *, guess: bool) -> dict[_Layout, list[int]]:
    # Most are like the one before; whether one really is shows when it is read.
    groups: defaultdict[_Layout, list[int]] = defaultdict(list)
    last: _Layout | None = None
    for row in rows:
        text, first, at = portion.payloads[row], portion.first[row], portion.head_end[row]
        if first is None:
            continue
        if last is None or not (guess and text.startswith(last.lead, at) and _agree(last, first)):
            own = _layout_of(text, at)
            if own is None or not _agree(own, first):
                continue
            last = own
        groups[last].append(row)
    return groups


def _agree(layout: _Layout, first: First) -> bool:
    # Whether all records are of one channel in one unit, at absolute times.
    if layout.name != first.n or first.bt + first.t < RELATIVE_BELOW_S:
        return False
    return layout.unit is first.u or first.unit_of(layout.unit) == first.unit_of(first.u)


def _layout_of(text: bytes, at: int) -> _Layout | None:
    matched = _LIKE_THIS.match(text, at)
    if matched is None:
        return None
    comma, head, _, middle, _, end = matched.groups()
    return _layout(comma, head, middle, end)


@lru_cache(maxsize=10_000)
def _layout(comma: bytes, head: bytes, middle: bytes, end: bytes) -> _Layout | None:
    # None unless time and value stand where the numbers do, whichever they are.
    if max(len(comma) + len(head), len(middle), len(end)) > LONGEST:
        return None
    try:
        a, b = (_read_record(b"%b%d%b%d%b" % (head, n, middle, n + 1, end)) for n in (10, 20))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if (a.n, a.u) != (b.n, b.u):
        return None
    for time_first in (True, False):
        is_so = all(
            (x.t, x.v) == (n + (not time_first), n + time_first) for x, n in ((a, 10), (b, 20))
        )
        if is_so:
            return _Layout(comma + head, middle, end, a.n, a.u, time_first)
    return None


def _read(layout: _Layout, portion: _Portion, rows: list[int], runs: list[Runs]) -> list[int]:
    # Those that are written otherwise come back.
    which = np.array(rows)
    start, end, heads, n = portion.records(which)
    t, value, good = _numbers(layout, portion.text, start, end)
    first = [x for row in rows if (x := portion.first[row]) is not None]
    t[heads], value[heads] = [x.t for x in first], [x.v for x in first]
    base = np.array([x.bv for x in first])
    if base.any():
        value += np.repeat(base, n)
    good[heads] = True
    rises = t[1:] >= t[:-1]
    rises[heads[1:] - 1] = True
    good[1:] &= rises
    fits = np.logical_and.reduceat(good, heads)
    if fits.any():
        at = [portion.at[row] for row in rows]
        runs.append(Runs(at, first, n, t, value).chosen(fits))
    return [row for row, good in zip(rows, fits.tolist(), strict=True) if not good]


def _numbers(
    layout: _Layout, text: Text, start: IntArray, end: IntArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    # Time and value of each record, and whether it is written as the layout says.
    at = start + len(layout.lead)
    low, high, good = text.after(layout.lead, at)
    size = until(layout.middle[:1], low, high)
    one, fits = numbers(low, high, size)
    good &= fits
    at += size + len(layout.middle)
    low, high, fits = text.after(layout.middle, at)
    good &= fits
    other, fits = numbers(low, high, end + 1 - len(layout.end) - at)
    good &= fits
    if len(layout.end) > 1:
        good &= text.after(layout.end, end + 1)[2]
    return (one, other, good) if layout.time_first else (other, one, good)
