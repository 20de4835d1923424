"""Third-party SenML (RFC 8428), JSON or CBOR, to columns of runs.

The topic says site and device; the part of a record's name after its last `/` or `:` is the
channel. A value that is not finite is flagged and costs only itself; anything else that is not
SenML refuses the message.

Plain JSON (base fields in the first record only, a number in every record) is read in C into
structures of known fields; whatever does not fit goes through `cobenefit_wire.senml`, with the
same outcome. `senml_bulk` reads many messages at once.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import cbor2
import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from cobenefit_wire import quality, senml
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import is_channel

FloatArray = NDArray[np.float64]
#: Section 4.5.3: a time below 2^28 s counts from now, any other from 1970. [s]
RELATIVE_BELOW_S = float(1 << 28)
#: Larger numbers are for the general path to judge.
_Number = Annotated[float, msgspec.Meta(gt=-1e14, lt=1e14)]


@dataclass(slots=True)
class Channel:
    """The readings of one channel of a message, ordered in time; `code` None when all are good.

    The time of a reading is (t + base) x scale, rounded to whole ms: a batch works them out at
    once.
    """

    name: str
    unit: str
    t: Sequence[float] | FloatArray
    value: Sequence[float] | FloatArray
    code: list[int] | None = None
    base: float = 0.0
    scale: float = 1.0


class PlainRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record with a number, and no base fields."""

    v: _Number
    t: _Number = 0.0
    n: str = ""
    u: str | msgspec.UnsetType = msgspec.UNSET


class First(PlainRecord, forbid_unknown_fields=True, gc=False):
    """The first record of a message, with the base fields."""

    bn: str = ""
    bt: _Number = 0.0
    bu: str = ""
    bv: _Number = 0.0

    @property
    def channel(self) -> str:
        """Its channel; WireError when its name ends in none."""
        return _channel(self.bn + self.n)

    def unit_of(self, unit: str | msgspec.UnsetType) -> str:
        """Return the unit of a record of this message, its own or the base unit."""
        return self.bu if isinstance(unit, msgspec.UnsetType) else unit


_read_first = msgspec.json.Decoder(First).decode
_read_records = msgspec.json.Decoder(list[PlainRecord]).decode


def decode_senml(payload: bytes, now_ms: int) -> list[Channel]:
    """Return the channels of a message.

    Parameters
    ----------
    payload : bytes
        SenML as JSON or CBOR.
    now_ms : int
        Receive time, for relative times. [ms]

    Returns
    -------
    list of Channel
        One for each channel of the message.

    Raises
    ------
    WireError
        If the message is not SenML of finite, named numbers in one unit per channel.
    """
    plain = _plain(payload, now_ms)
    return _general(payload, now_ms) if plain is None else plain


def is_absolute(payload: bytes) -> bool:
    """Whether all times are absolute, so that the same bytes are the same readings."""
    array = parse(payload)
    _replace_unfinite(array)
    return [r.t_ms for r in senml.resolve(array, 0)] == [r.t_ms for r in senml.resolve(array, 1)]


def parse(payload: bytes) -> Any:
    """Return the parsed array; WireError when it is neither JSON nor CBOR."""
    text = payload[:1] in b"[ \t\r\n"
    try:
        return json.loads(payload) if text else cbor2.loads(payload)
    except (ValueError, EOFError, RecursionError, cbor2.CBORDecodeError) as err:
        raise WireError("senml", "neither JSON nor CBOR") from err


def _plain(payload: bytes, now_ms: int) -> list[Channel] | None:
    # None for whatever is not plain; the general path says what is wrong with it, if anything.
    end = payload.find(b"}") + 1
    tail = payload[end:]
    if not end or payload[:1] != b"[" or (tail != b"]" and tail[:1] != b","):
        return None
    try:
        first = _read_first(payload[1:end])
        if tail == b"]":
            return [only(first, now_ms)]
        return _mixed(first, tail, now_ms)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def only(first: First, now_ms: int) -> Channel:
    """Return the channel of a message of one record.

    Parameters
    ----------
    first : First
        The record.
    now_ms : int
        Receive time, for a relative time. [ms]

    Returns
    -------
    Channel
        Of one reading.

    Raises
    ------
    WireError
        If its name ends in no channel.
    """
    t, value = (first.t,), (first.v + first.bv,)
    if first.t + first.bt >= RELATIVE_BELOW_S:
        return Channel(first.channel, first.unit_of(first.u), t, value, None, first.bt, 1000.0)
    return Channel(first.channel, first.unit_of(first.u), _times_ms(t, first.bt, now_ms), value)


def _mixed(first: First, tail: bytes, now_ms: int) -> list[Channel]:
    rest = _read_records(b"[" + tail[1:])
    columns = zip(astuple(first)[:4], *map(astuple, rest), strict=True)
    value, time_s, names, units = columns
    t_ms = _times_ms(time_s, first.bt, now_ms)
    by_channel: dict[str, list[tuple[float, float, int, str]]] = {}
    for when_ms, x, name, unit in zip(t_ms, value, names, units, strict=True):
        row = when_ms, x + first.bv, quality.GOOD, first.unit_of(unit)
        by_channel.setdefault(_channel(first.bn + name), []).append(row)
    return [_ordered(channel, found) for channel, found in by_channel.items()]


def _times_ms(time_s: Sequence[float], base_s: float, now_ms: int) -> list[float]:
    return [
        round(t * 1000) + (now_ms if t < RELATIVE_BELOW_S else 0)
        for t in (t + base_s for t in time_s)
    ]


def _general(payload: bytes, now_ms: int) -> list[Channel]:
    array = parse(payload)
    unfinite = _replace_unfinite(array)
    by_channel: dict[str, list[tuple[float, float, int, str]]] = {}
    for i, record in enumerate(senml.resolve(array, now_ms)):
        channel = _channel(record.name)
        code = quality.NOT_FINITE if i in unfinite else quality.GOOD
        by_channel.setdefault(channel, []).append((record.t_ms, record.value, code, record.unit))
    return [_ordered(channel, records) for channel, records in by_channel.items()]


@lru_cache(maxsize=10_000)
def _channel(name: str) -> str:
    if not name:
        raise WireError("senml", "a record without a name")
    channel = name.replace(":", "/").rpartition("/")[2]
    if not is_channel(channel):
        raise WireError("senml_name", "no channel at the end of a record's name")
    return channel


def _ordered(name: str, records: list[tuple[float, float, int, str]]) -> Channel:
    if len({unit for _, _, _, unit in records}) > 1:
        raise WireError("unit", "one channel in two units")
    records.sort(key=lambda r: r[0])
    t_ms, value, code, unit = zip(*records, strict=True)
    return Channel(name, unit[0], t_ms, value, list(code) if any(code) else None)


def _replace_unfinite(array: Any) -> set[int]:
    # NaN or infinity as a value would refuse the whole message: put 0 and remember which.
    found: set[int] = set()
    if not isinstance(array, list):
        return found
    emitted = 0
    for record in array:
        if not isinstance(record, dict):
            continue
        for key in ("v", 2):
            value = record.get(key)
            if isinstance(value, float) and not math.isfinite(value):
                record[key] = 0
                found.add(emitted)
        emitted += any(key in record for key in ("v", 2, "bv", -5))
    return found
