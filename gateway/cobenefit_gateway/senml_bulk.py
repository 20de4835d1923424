"""Plain SenML JSON of many messages at once, as machines write it.

All records of a message but the first are then one text around two numbers. Without the characters
of numbers each record must be the same as the next, which one comparison shows for all of them;
where each number was taken out shows that it stood where the layout says. Together that is the
whole text, so nothing is guessed. The numbers are put together from their digits, all of them at
once (`digits`). First records are read as one array; a message of one record is told by it. What
does not fit is left to `senml_in`; what fits reads the same there. It must do no I/O.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from cobenefit_gateway.digits import NUMBER, BoolArray, FloatArray, IntArray, Text
from cobenefit_gateway.senml_in import RELATIVE_BELOW_S, Channel, First, PlainRecord

_read_first = msgspec.json.Decoder(First).decode
_read_firsts = msgspec.json.Decoder(list[First]).decode
_read_record = msgspec.json.Decoder(PlainRecord).decode
#: The second record of a message with the comma before it: two numbers and what is around them.
_LIKE_THIS = re.compile(
    rb'(,[ \t\r\n]*)(\{[^{}]*?"[tv]": ?)([-.0-9]+)([^{}]*?"[tv]": ?)([-.0-9]+)([^{}]*\})'
)
_RUN = re.compile(b"[%b]+" % re.escape(NUMBER))
#: Bytes of messages worked on at once: what is made of them stays in a second-level cache. [B]
_AT_ONCE = 1 << 19


class _Layout(NamedTuple):
    # What a record says beside its numbers. `lead` is what stands before the first number,
    # `skeleton` the record without any characters of numbers; `places` says where in it those
    # were, `texts` what they were, None for the two numbers.
    lead: bytes
    skeleton: bytes
    places: tuple[int, ...]
    texts: tuple[bytes | None, ...]
    name: str
    unit: str | msgspec.UnsetType
    time_first: bool


class _Message(NamedTuple):
    at: int
    first: First
    tail: bytes


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
    whole = [
        (i, text, text.index(b"}") + 1)
        for i, text in payloads.items()
        if text[:2] == b"[{" and text[-2:] == b"}]"
    ]
    firsts = _firsts([text[1:end] for _, text, end in whole])
    found: dict[int, First] = {}
    many: list[_Message] = []
    for (i, text, end), first in zip(whole, firsts, strict=True):
        if first is None:
            continue
        if end == len(text) - 1:
            found[i] = first
        else:
            many.append(_Message(i, first, text[end:]))
    runs: list[Runs] = []
    for layout, messages in _grouped(many, guess=True).items():
        others = _read_all(layout, messages, runs)
        for own, some in _grouped(others, guess=False).items():
            if own != layout:
                _read_all(own, some, runs)
    for one in runs:
        found.update(zip(one.at, one.first, strict=True))
    return Alike(found, runs)


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


def _grouped(messages: list[_Message], *, guess: bool) -> dict[_Layout, list[_Message]]:
    # Most are like the one before; whether one really is shows when it is read.
    groups: defaultdict[_Layout, list[_Message]] = defaultdict(list)
    last: _Layout | None = None
    for message in messages:
        _, first, tail = message
        if last is None or not (guess and tail.startswith(last.lead) and _agree(last, first)):
            own = _layout_of(tail)
            if own is None or not _agree(own, first):
                continue
            last = own
        groups[last].append(message)
    return groups


def _agree(layout: _Layout, first: First) -> bool:
    # Whether all records are of one channel in one unit, at absolute times.
    if layout.name != first.n or first.bt + first.t < RELATIVE_BELOW_S:
        return False
    return layout.unit is first.u or first.unit_of(layout.unit) == first.unit_of(first.u)


def _layout_of(tail: bytes) -> _Layout | None:
    matched = _LIKE_THIS.match(tail)
    if matched is None:
        return None
    comma, head, _, middle, _, end = matched.groups()
    return _layout(comma, head, middle, end)


@lru_cache(maxsize=10_000)
def _layout(comma: bytes, head: bytes, middle: bytes, end: bytes) -> _Layout | None:
    # None unless time and value stand where the numbers do, whichever they are.
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
            lead = comma + head
            places, texts = _places(lead, middle, end)
            skeleton = (lead + middle + end).translate(None, NUMBER)
            return _Layout(lead, skeleton, places, texts, a.n, a.u, time_first)
    return None


def _places(
    lead: bytes, middle: bytes, end: bytes
) -> tuple[tuple[int, ...], tuple[bytes | None, ...]]:
    # Where characters of numbers stand in a record's skeleton, and what stands there.
    numbers = len(lead), len(lead) + 1 + len(middle)
    places, texts, removed = [], [], 0
    for run in _RUN.finditer(lead + b"0" + middle + b"0" + end):
        places.append(run.start() - removed)
        texts.append(None if run.start() in numbers else run.group())
        removed += len(run.group())
    return tuple(places), tuple(texts)


def _read_all(layout: _Layout, messages: list[_Message], runs: list[Runs]) -> list[_Message]:
    # Those that are written otherwise come back.
    size = sum(len(m.tail) for m in messages) // len(messages)
    step = max(_AT_ONCE // size, 1)
    return [
        other
        for i in range(0, len(messages), step)
        for other in _read(layout, messages[i : i + step], runs)
    ]


def _read(layout: _Layout, messages: list[_Message], runs: list[Runs]) -> list[_Message]:
    tails = [m.tail for m in messages]
    text = Text(tails)
    start, end = text.runs()
    until = text.first + np.cumsum([len(tail) for tail in tails])
    count = np.diff(np.searchsorted(start, until), prepend=0)
    each = len(layout.places)
    n = count // each
    wanted = [layout.skeleton * k + b"]" for k in n.tolist()]
    if (n * each != count).any() or text.without(NUMBER) != b"".join(wanted):
        fits = np.array(
            [t.translate(None, NUMBER) == w for t, w in zip(tails, wanted, strict=True)]
        )
        fits &= n * each == count
        others = _some(messages, ~fits)
        if len(others) < len(messages):
            others += _read(layout, _some(messages, fits), runs)
        return others
    columns, good = _numbers(layout, text, (start, end), n)
    read, fits = _with_firsts(messages, n, columns, good)
    runs.append(read)
    return _some(messages, ~fits)


def _some(messages: list[_Message], which: BoolArray) -> list[_Message]:
    return [m for m, wanted in zip(messages, which.tolist(), strict=True) if wanted]


def _numbers(
    layout: _Layout, text: Text, found: tuple[IntArray, IntArray], n: IntArray
) -> tuple[list[FloatArray], BoolArray]:
    # Time and value of each record, and whether its numbers stand where the layout says.
    each, size = len(layout.places), found[1] - found[0]
    record_at = np.arange(size.size // each) * len(layout.skeleton)
    record_at += np.repeat(np.arange(n.size) + text.first, n)  # a bracket ends each message
    at = (found[0] - np.cumsum(size) + size).reshape(-1, each).T
    start, end = (x.reshape(-1, each).T for x in found)
    good = np.ones(record_at.size, dtype=np.bool_)
    columns = []
    for k, (place, constant) in enumerate(zip(layout.places, layout.texts, strict=True)):
        good &= at[k] == record_at + place
        if constant is None:
            column, fits = text.numbers(start[k], end[k])
            columns.append(column)
            good &= fits
        else:
            good &= (end[k] - start[k] == len(constant)) & text.stands(constant, start[k])
    return (columns if layout.time_first else columns[::-1]), good


def _with_firsts(
    messages: list[_Message], n: IntArray, columns: list[FloatArray], good: BoolArray
) -> tuple[Runs, BoolArray]:
    # With the first records in their places, but not the messages that do not fit or are not in
    # order of time; and which do.
    starts = np.cumsum(n) - n
    fits = np.logical_and.reduceat(good, starts)
    heads = starts + np.arange(n.size)
    rest = np.ones(good.size + n.size, dtype=np.bool_)
    rest[heads] = False
    t, value = np.empty(rest.size), np.empty(rest.size)
    t[rest], value[rest] = columns
    first = [m.first for m in messages]
    t[heads], value[heads] = [x.t for x in first], [x.v for x in first]
    base = np.array([x.bv for x in first])
    if base.any():
        value += np.repeat(base, n + 1)
    rises = np.ones(rest.size, dtype=np.bool_)
    np.greater_equal(t[1:], t[:-1], out=rises[1:])
    rises[heads] = True
    fits &= np.logical_and.reduceat(rises, heads)
    return Runs([m.at for m in messages], first, n + 1, t, value).chosen(fits), fits
