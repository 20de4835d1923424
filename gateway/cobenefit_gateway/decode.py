"""Packs to arrays, many at once; a pack that breaks the contract becomes a `Refusal`.

Packs of one shape (length, unit, exponent, period, number of readings) have every field at the
same offset, so a batch of them is one reshape: the first is read by `cobenefit_wire.pack`, the
others must equal it in every constant byte and carry a right CRC. Whatever does not fit goes
through `cobenefit_wire.pack` alone. One bad pack never costs its batch.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cobenefit_wire import pack
from cobenefit_wire.errors import WireError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.uint8]

#: Times beyond this are as much in the future as this one; keeps sums inside 64 bits. [ms]
_LAST_MS = 1 << 53


class Run(NamedTuple):
    """The readings of one pack or of one channel of a SenML message.

    `quality` is None when the sender flagged nothing; `timeless` when its wall clock was unknown;
    `step_ms` is the period, or the mean of the deltas.
    """

    boot: int
    seq: int
    unit: str
    timeless: bool
    step_ms: int
    t_ms: IntArray
    value: FloatArray
    quality: CodeArray | None


class Refusal(NamedTuple):
    """Why a pack could not be read; `boot` and `seq` are -1 unless the CRC vouches for them."""

    reason: str
    text: str
    boot: int = -1
    seq: int = -1


def decode_packs(payloads: Sequence[bytes]) -> list[Run | Refusal]:
    """Return what each payload holds, in the same order.

    Parameters
    ----------
    payloads : sequence of bytes
        Packs as received.

    Returns
    -------
    list of Run or Refusal
        As long as `payloads`.
    """
    groups: defaultdict[tuple[int, bytes, bytes], list[int]] = defaultdict(list)
    for i, payload in enumerate(payloads):
        head = pack.UNIT_AT + 16 + (payload[pack.UNIT_AT + 1] & 31 if len(payload) > 48 else 0)
        groups[len(payload), payload[:5], payload[pack.UNIT_AT : head]].append(i)
    out: list[Run | Refusal] = [Refusal("layout", "")] * len(payloads)
    for members in groups.values():
        for i, result in zip(members, _group([payloads[i] for i in members]), strict=True):
            out[i] = result
    return out


def _group(payloads: list[bytes]) -> list[Run | Refusal]:
    first = _single(payloads[0])
    if len(payloads) == 1 or isinstance(first, Refusal):
        return [first, *(_single(p) for p in payloads[1:])]
    model = pack.decode(payloads[0])
    rows = np.frombuffer(b"".join(payloads), np.uint8).reshape(len(payloads), -1)
    constant = _constant(model, rows.shape[1])
    fits = (rows[:, constant] == rows[0, constant]).all(axis=1)
    sums = np.array([crc32(p[:-6]) for p in payloads], dtype=np.uint32)
    fits &= sums == _field(rows, rows.shape[1] - 4, ">u4")
    runs = _uniform(model, rows)
    return [
        run if good else _single(p)
        for run, good, p in zip(runs, fits.tolist(), payloads, strict=True)
    ]


def _offsets(model: pack.Pack, length: int) -> tuple[int, int, int, int]:
    # Where deltas, values and quality start, and how wide a value is. The deltas' head takes as
    # many bytes as the period.
    n = len(model.values)
    deltas_at = pack.UNIT_AT + 10 + len(model.unit.encode())
    values_at = deltas_at + (0 if model.period_ms else 4 * n) + 6
    tail = 6 + (n + 4 if model.quality else 0)
    return deltas_at, values_at, length - 6 - n, (length - tail - values_at) // n


def _constant(model: pack.Pack, length: int) -> NDArray[np.bool_]:
    n = len(model.values)
    deltas_at, values_at, quality_at, width = _offsets(model, length)
    constant = np.ones(length, dtype=np.bool_)
    for at, size in ((pack.BOOT_AT, 4), (pack.SEQ_AT, 4), (pack.FLAGS_AT, 1), (pack.TIME_AT, 8)):
        constant[at : at + size] = False
    if not model.period_ms:
        constant[deltas_at : deltas_at + 4 * n] = False
    constant[values_at : values_at + width * n] = False
    if model.quality:
        constant[quality_at : quality_at + n] = False
    constant[-4:] = False
    return constant


def _field(rows: NDArray[np.uint8], at: int, dtype: str, n: int = 1) -> NDArray[np.generic]:
    size = np.dtype(dtype).itemsize * n
    column = np.ascontiguousarray(rows[:, at : at + size]).view(dtype)
    return column[:, 0] if n == 1 else column


def _uniform(model: pack.Pack, rows: NDArray[np.uint8]) -> list[Run]:
    n = len(model.values)
    deltas_at, values_at, quality_at, _ = _offsets(model, rows.shape[1])
    t0 = np.minimum(_field(rows, pack.TIME_AT, ">u8"), _LAST_MS).astype(np.int64)[:, None]
    if model.period_ms:
        t_ms = t0 + np.arange(n, dtype=np.int64) * model.period_ms
    else:
        deltas = _field(rows, deltas_at, "<u4", n).reshape(-1, n).astype(np.int64)
        t_ms = t0 + np.cumsum(deltas, axis=1)
    code = pack.FORMATS[int(rows[0, values_at - 4])][0]
    value = _scaled(_field(rows, values_at, "<" + code, n).reshape(-1, n), model.exponent)
    quality = rows[:, quality_at : quality_at + n] if model.quality else None
    columns = (
        _field(rows, pack.BOOT_AT, ">u4").tolist(),
        _field(rows, pack.SEQ_AT, ">u4").tolist(),
        (rows[:, pack.FLAGS_AT] & pack.FLAG_TIME_UNKNOWN).tolist(),
        ((t_ms[:, -1] - t_ms[:, 0]) // max(n - 1, 1)).tolist(),
    )
    return [
        Run(boot, seq, model.unit, bool(timeless), step, t_ms[i], value[i], _row(quality, i))
        for i, (boot, seq, timeless, step) in enumerate(zip(*columns, strict=True))
    ]


def _row(quality: CodeArray | None, i: int) -> CodeArray | None:
    return None if quality is None else quality[i]


def _scaled(value: NDArray[np.generic], exponent: int) -> FloatArray:
    # Dividing by a power of ten rounds once; multiplying by 0.1 would round twice.
    as_float = value.astype(np.float64)
    with np.errstate(over="ignore"):  # infinity is flagged as not finite
        return as_float / 10.0**-exponent if exponent < 0 else as_float * 10.0**exponent


def _single(payload: bytes) -> Run | Refusal:
    try:
        read = pack.decode(payload)
    except WireError as err:
        return Refusal(err.reason, err.text, *_identity(payload))
    t0 = min(read.t_ms, _LAST_MS)
    n = len(read.values)
    if read.period_ms:
        t_ms = t0 + np.arange(n, dtype=np.int64) * read.period_ms
    else:
        t_ms = t0 + np.cumsum(np.array(read.deltas_ms, dtype=np.int64))
    step_ms = int(t_ms[-1] - t_ms[0]) // max(n - 1, 1)
    value = _scaled(np.array(read.values), read.exponent)
    quality = np.frombuffer(read.quality, np.uint8) if read.quality else None
    timeless = bool(read.flags & pack.FLAG_TIME_UNKNOWN)
    return Run(read.boot, read.seq, read.unit, timeless, step_ms, t_ms, value, quality)


def _identity(payload: bytes) -> tuple[int, int]:
    # (boot, sequence) of a pack that can't be read further, when frame and CRC vouch for them.
    framed = (
        len(payload) >= 48
        and payload[3:5] == b"\x0a\x1a"
        and payload[9:11] == b"\x0b\x1a"
        and payload[-6:-4] == b"\x17\x1a"
    )
    if not framed or crc32(payload[:-6]) != int.from_bytes(payload[-4:], "big"):
        return -1, -1
    boot = int.from_bytes(payload[pack.BOOT_AT : pack.BOOT_AT + 4], "big")
    return boot, int.from_bytes(payload[pack.SEQ_AT : pack.SEQ_AT + 4], "big")
