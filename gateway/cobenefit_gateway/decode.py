"""Packs to arrays, many at once; a pack that breaks the contract becomes a `Refusal`.

Packs of one shape (length, unit, exponent, period, number of readings) have every field at the
same offset, so a batch of them is one reshape: the first is read by `cobenefit_wire.pack`, the
others must equal it in every constant byte and carry a right CRC. Whatever does not fit goes
through `cobenefit_wire.pack` alone. One bad pack never costs its batch.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cobenefit_wire import pack
from cobenefit_wire import quality as codes
from cobenefit_wire.errors import WireError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.uint8]

#: Times beyond this are as much in the future as this one; keeps sums inside 64 bits. [ms]
LAST_MS = 1 << 53
_HEAD_END = pack.UNIT_AT + 1


@dataclass(slots=True)
class Block:
    """Packs of one shape, a row each; `at` says which payloads they were.

    `quality` is None when no sender flagged anything; `timeless` where the wall clock was unknown;
    `step_ms` is the period, or the mean of the deltas.
    """

    at: list[int]
    boot: list[int]
    seq: list[int]
    unit: str
    timeless: NDArray[np.bool_]
    step_ms: IntArray
    t_ms: IntArray
    value: FloatArray
    quality: CodeArray | None

    def chosen(self, rows: list[int]) -> "Block":
        """Return some of the packs.

        Parameters
        ----------
        rows : list of int
            Which. [1]

        Returns
        -------
        Block
            Of the same shape.
        """
        return Block(
            [self.at[i] for i in rows],
            [self.boot[i] for i in rows],
            [self.seq[i] for i in rows],
            self.unit,
            self.timeless[rows],
            self.step_ms[rows],
            self.t_ms[rows],
            self.value[rows],
            None if self.quality is None else self.quality[rows],
        )

    def given(self) -> CodeArray | None:
        """Return each reading's code, row after row, None when all are good [1]."""
        if not self.timeless.any():
            return None if self.quality is None else self.quality.ravel()
        code = np.zeros(self.value.shape, dtype=np.uint8)
        if self.quality is not None:
            code[:] = self.quality
        code[self.timeless] = codes.TIME_UNKNOWN
        return code.ravel()


class Refusal(NamedTuple):
    """Why a pack could not be read; `boot` and `seq` are -1 unless the CRC vouches for them."""

    reason: str
    text: str
    boot: int = -1
    seq: int = -1


def decode_packs(payloads: Sequence[bytes]) -> tuple[list[Block], dict[int, Refusal]]:
    """Return what payloads hold.

    Parameters
    ----------
    payloads : sequence of bytes
        Packs as received.

    Returns
    -------
    tuple of list of Block, dict of int to Refusal
        Each payload is in one block or is refused.
    """
    groups: defaultdict[tuple[int, bytes, bytes], list[int]] = defaultdict(list)
    for i, payload in enumerate(payloads):
        # Between unit and values: as many bytes as the unit's length in its CBOR head says.
        head = payload[_HEAD_END : _HEAD_END + 1]
        end = _HEAD_END + 15 + (head[0] & 31 if head else 0)
        groups[len(payload), payload[:5], payload[_HEAD_END - 1 : end]].append(i)
    blocks: list[Block] = []
    refused: dict[int, Refusal] = {}
    for members in groups.values():
        _group(payloads, members, blocks, refused)
    return blocks, refused


def _group(
    payloads: Sequence[bytes],
    members: list[int],
    blocks: list[Block],
    refused: dict[int, Refusal],
) -> None:
    try:
        model = pack.decode(payloads[members[0]]) if len(members) > 1 else None
    except WireError:
        model = None
    if model is None:
        for i in members:
            _single(payloads, i, blocks, refused)
        return
    chosen = [payloads[i] for i in members]
    rows = np.frombuffer(b"".join(chosen), np.uint8).reshape(len(chosen), -1)
    constant = _constant(model, rows.shape[1])
    sums = np.array([crc32(memoryview(p)[:-6]) for p in chosen], dtype=np.uint32)
    fits = sums == _field(rows, rows.shape[1] - 4, ">u4")
    fits &= (rows[:, constant] == rows[0, constant]).all(axis=1)
    if not fits.all():
        for k in np.flatnonzero(~fits).tolist():
            _single(payloads, members[k], blocks, refused)
        rows, members = rows[fits], np.array(members)[fits].tolist()
    blocks.append(_uniform(model, rows, members))


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


def _uniform(model: pack.Pack, rows: NDArray[np.uint8], members: list[int]) -> Block:
    n = len(model.values)
    deltas_at, values_at, quality_at, _ = _offsets(model, rows.shape[1])
    t0 = np.minimum(_field(rows, pack.TIME_AT, ">u8"), LAST_MS).astype(np.int64)[:, None]
    if model.period_ms:
        t_ms = t0 + np.arange(n, dtype=np.int64) * model.period_ms
    else:
        deltas = _field(rows, deltas_at, "<u4", n).reshape(-1, n).astype(np.int64)
        t_ms = t0 + np.cumsum(deltas, axis=1)
    code = pack.FORMATS[int(rows[0, values_at - 4])][0]
    return Block(
        members,
        _field(rows, pack.BOOT_AT, ">u4").tolist(),
        _field(rows, pack.SEQ_AT, ">u4").tolist(),
        model.unit,
        (rows[:, pack.FLAGS_AT] & pack.FLAG_TIME_UNKNOWN).astype(np.bool_),
        (t_ms[:, -1] - t_ms[:, 0]) // max(n - 1, 1),
        t_ms,
        _scaled(_field(rows, values_at, "<" + code, n).reshape(-1, n), model.exponent),
        rows[:, quality_at : quality_at + n] if model.quality else None,
    )


def _scaled(value: NDArray[np.generic], exponent: int) -> FloatArray:
    # Dividing by a power of ten rounds once; multiplying by 0.1 would round twice.
    as_float = value.astype(np.float64)
    with np.errstate(over="ignore"):  # infinity is flagged as not finite
        return as_float / 10.0**-exponent if exponent < 0 else as_float * 10.0**exponent


def _single(
    payloads: Sequence[bytes], i: int, blocks: list[Block], refused: dict[int, Refusal]
) -> None:
    try:
        read = pack.decode(payloads[i])
    except WireError as err:
        refused[i] = Refusal(err.reason, err.text, *_identity(payloads[i]))
        return
    t0, n = min(read.t_ms, LAST_MS), len(read.values)
    if read.period_ms:
        t_ms = t0 + np.arange(n, dtype=np.int64) * read.period_ms
    else:
        t_ms = t0 + np.cumsum(np.array(read.deltas_ms, dtype=np.int64))
    blocks.append(
        Block(
            [i],
            [read.boot],
            [read.seq],
            read.unit,
            np.array([bool(read.flags & pack.FLAG_TIME_UNKNOWN)]),
            (t_ms[-1:] - t_ms[:1]) // max(n - 1, 1),
            t_ms.reshape(1, n),
            _scaled(np.array(read.values), read.exponent).reshape(1, n),
            np.frombuffer(read.quality, np.uint8).reshape(1, n) if read.quality else None,
        )
    )


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
