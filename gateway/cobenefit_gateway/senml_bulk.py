"""Plain SenML JSON of many messages at once, as machines write it.

All records of a message but the first are then one text around two numbers. The colons of a batch
say where each number begins, the text between says where it ends; that text is compared eight
bytes at a time and the numbers are put together from their digits, all of them at once (`digits`).
First records are read as one array. What does not fit is left to `senml_in`; what fits reads the
same there. It must do no I/O.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from cobenefit_gateway.digits import BoolArray, FloatArray, IntArray, Text
from cobenefit_gateway.senml_in import RELATIVE_BELOW_S, Channel, First, PlainRecord, only
from cobenefit_wire.errors import WireError

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
    # What stands around the numbers of a record, and what it means; `colons` those of a record,
    # and which of them are before its numbers.
    comma: bytes
    head: bytes
    middle: bytes
    end: bytes
    name: str
    unit: str | msgspec.UnsetType
    time_first: bool
    colons: tuple[int, int, int]


class _Message(NamedTuple):
    at: int
    first: First
    channel: str
    unit: str
    tail: bytes


def decode_alike(payloads: Sequence[bytes], now_ms: Sequence[int]) -> dict[int, Channel]:
    """Return the channel of each message that is all of one channel, written alike, in order.

    Parameters
    ----------
    payloads : sequence of bytes
        Messages.
    now_ms : sequence of int
        When each came, for relative times. [ms]

    Returns
    -------
    dict of int to Channel
        By number of the message; the others are for `senml_in.decode_senml`.
    """
    whole = [i for i, text in enumerate(payloads) if text[:2] == b"[{" and text[-2:] == b"}]"]
    ends = [payloads[i].index(b"}") + 1 for i in whole]
    firsts = _firsts([payloads[i][1:end] for i, end in zip(whole, ends, strict=True)])
    found: dict[int, Channel] = {}
    groups: defaultdict[_Layout, list[_Message]] = defaultdict(list)
    for i, end, first in zip(whole, ends, firsts, strict=True):
        try:
            if first is None:
                continue
            if end == len(payloads[i]) - 1:
                found[i] = only(first, now_ms[i])
                continue
            message = _Message(i, first, first.channel, first.unit_of(first.u), payloads[i][end:])
        except WireError:
            continue
        layout = _layout_of(message)
        if layout is not None:
            groups[layout].append(message)
    for layout, messages in groups.items():
        for some in _pieces(messages):
            _read(layout, some, found)
    return found


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


def _layout_of(message: _Message) -> _Layout | None:
    first = message.first
    matched = _LIKE_THIS.match(message.tail)
    if matched is None:
        return None
    comma, head, _, middle, _, end = matched.groups()
    layout = _layout(comma, head, middle, end)
    if (
        layout is None
        or layout.name != first.n
        or first.unit_of(layout.unit) != message.unit
        or first.bt + first.t < RELATIVE_BELOW_S
    ):
        return None
    return layout


@lru_cache(maxsize=10_000)
def _layout(comma: bytes, head: bytes, middle: bytes, end: bytes) -> _Layout | None:
    # None unless time and value stand where the numbers do, whichever they are.
    try:
        a, b = (_read_record(b"%b%d%b%d%b" % (head, n, middle, n + 1, end)) for n in (10, 20))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    for time_first in (True, False):
        is_so = all(
            (x.t, x.v) == (n + (not time_first), n + time_first) for x, n in ((a, 10), (b, 20))
        )
        if is_so and (a.n, a.u) == (b.n, b.u):
            before = head.count(b":"), head.count(b":") + middle.count(b":")
            colons = (before[1] + end.count(b":"), before[0] - 1, before[1] - 1)
            return _Layout(comma, head, middle, end, a.n, a.u, time_first, colons)
    return None


def _pieces(messages: list[_Message]) -> list[list[_Message]]:
    size = sum(len(m.tail) for m in messages) // len(messages)
    step = max(_AT_ONCE // size, 1)
    return [messages[i : i + step] for i in range(0, len(messages), step)]


def _read(layout: _Layout, messages: list[_Message], found: dict[int, Channel]) -> None:
    text = Text(b"".join(m.tail for m in messages))
    size = np.array([len(m.tail) for m in messages])
    end = text.first + np.cumsum(size)
    colons = text.where(b":")
    count = np.diff(np.searchsorted(colons, end), prepend=0)
    each, of_first, of_second = layout.colons
    whole = count % each == 0
    if not whole.all():
        messages = [m for m, good in zip(messages, whole.tolist(), strict=True) if good]
        if messages:
            _read(layout, messages, found)
        return
    number_at = colons.reshape(-1, each)[:, [of_first, of_second]]
    bounds = np.cumsum(count // each)
    columns, fits = _numbers(layout, text, number_at, (end - size, end, bounds))
    if not layout.time_first:
        columns.reverse()
    _into_channels(messages, columns, fits, bounds, found)


def _numbers(
    layout: _Layout, text: Text, colon: IntArray, messages: tuple[IntArray, IntArray, IntArray]
) -> tuple[list[FloatArray], BoolArray]:
    # Both numbers of each record, and whether it is written as the layout says.
    head, middle, end = layout.head, layout.middle, layout.end
    start, until, bounds = messages
    last = bounds - 1
    first = np.append(0, bounds[:-1])
    a = colon[:, 0] + len(head) - head.rindex(b":")
    b = colon[:, 1] + len(middle) - middle.rindex(b":")
    a_end = b - len(middle)
    joint = end + layout.comma + head
    b_end = np.append(a[1:], 0) - len(joint)
    b_end[last] = until - len(end) - 1
    fits = text.stands(joint, b_end)
    fits[last] = text.stands(end + b"]", b_end[last])
    fits &= text.stands(middle, a_end)
    fits[first] &= text.stands(layout.comma + head, start)
    fits[first] &= start + len(layout.comma + head) == a[first]
    value_a, good_a = text.numbers(a, a_end)
    value_b, good_b = text.numbers(b, b_end)
    return [value_a, value_b], fits & good_a & good_b


def _into_channels(
    messages: list[_Message],
    columns: list[FloatArray],
    fits: BoolArray,
    bounds: IntArray,
    found: dict[int, Channel],
) -> None:
    # With the first records in their places; a message that is not in order of time is left out.
    starts = np.append(0, bounds[:-1])
    fits = np.logical_and.reduceat(fits, starts)
    heads = starts + np.arange(starts.size)
    first = np.zeros(bounds[-1] + starts.size, dtype=np.bool_)
    first[heads] = True
    t, value = np.empty(first.size), np.empty(first.size)
    t[~first], value[~first] = columns
    t[heads] = [m.first.t for m in messages]
    value[heads] = [m.first.v for m in messages]
    base = np.array([m.first.bv for m in messages])
    if base.any():
        value += np.repeat(base, np.diff(heads, append=first.size))
    rises = np.ones(first.size, dtype=np.bool_)
    np.greater_equal(t[1:], t[:-1], out=rises[1:])
    rises[heads] = True
    fits &= np.logical_and.reduceat(rises, heads)
    until = np.append(heads[1:], first.size).tolist()
    for m, good, i, j in zip(messages, fits.tolist(), heads.tolist(), until, strict=True):
        if good:
            readings = t[i:j], value[i:j]
            found[m.at] = Channel(m.channel, m.unit, *readings, None, m.first.bt, 1000.0)
