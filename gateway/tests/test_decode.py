"""The bulk decoder against the shared golden vectors and against the wire's own decoder."""

import json
import random
import struct
from binascii import crc32
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.decode import Block, Refusal, decode_packs
from cobenefit_wire import pack, quality

VECTORS = json.loads(
    (Path(__file__).parents[2] / "firmware/tests/vectors/wire.json").read_text(encoding="utf-8")
)


def decoded(payloads):
    """What each payload became: a block of its one row, or a refusal."""
    blocks, refused = decode_packs(payloads)
    out = dict(refused)
    for block in blocks:
        for row, at in enumerate(block.at):
            assert at not in out
            out[at] = block.chosen([row])
    assert sorted(out) == list(range(len(payloads)))
    return [out[i] for i in range(len(payloads))]


def same(run, data):
    read = pack.decode(data)
    assert isinstance(run, Block)
    assert (run.boot, run.seq, run.unit) == ([read.boot], [read.seq], read.unit)
    assert run.timeless.tolist() == [bool(read.flags & pack.FLAG_TIME_UNKNOWN)]
    late_ms = max(read.t_ms - (1 << 53), 0)  # later base times are cut to this one
    assert run.t_ms[0].tolist() == [t - late_ms for t in pack.times_ms(read)]
    scaled = [v / 10**-read.exponent if read.exponent < 0 else v * 10.0**read.exponent
              for v in read.values]  # fmt: skip
    assert np.array_equal(run.value[0], np.array(scaled, dtype=np.float64), equal_nan=True)
    assert (b"" if run.quality is None else run.quality.tobytes()) == read.quality


def reseal(body):
    return body + struct.pack(">BBI", 23, 0x1A, crc32(body))


def shaped(rng, n, *, deltas, flagged, wide):
    values = [rng.randrange(1 << 40 if wide else 1 << 20) for _ in range(n)]
    values[0] = (1 << 40) if wide else 0
    return pack.encode(
        pack.Pack(
            rng.randrange(1 << 32),
            rng.randrange(1 << 32),
            rng.choice([0, 0, 1]),
            rng.randrange(1 << 41),
            "Wh",
            rng.choice([-3, 0]),
            0 if deltas else 60_000,
            tuple(rng.randrange(5000) for _ in range(n)) if deltas else (),
            values,
            bytes(rng.choice([0, 2]) for _ in range(n)) if flagged else b"",
        )
    )


def test_golden_packs_alone_and_in_a_batch_of_their_kind():
    for vector in VECTORS["packs"]:
        data = bytes.fromhex(vector["hex"])
        for run in decoded([data, data, data]) + decoded([data]):
            same(run, data)


def test_golden_broken_packs_are_refused_with_their_reason_and_cost_no_other():
    good = bytes.fromhex(VECTORS["packs"][2]["hex"])
    for vector in VECTORS["broken"]:
        data = bytes.fromhex(vector["hex"])
        results = decoded([good, data, good, data])
        for result in results[1::2]:
            assert isinstance(result, Refusal)
            assert result.reason == vector["reason"], vector["name"]
        for run in results[::2]:
            same(run, good)


def test_mixed_shapes_come_back_in_order():
    rng = random.Random(3)
    batch = [
        shaped(
            rng,
            rng.choice([1, 7, 60]),
            deltas=rng.random() < 0.5,
            flagged=rng.random() < 0.5,
            wide=rng.random() < 0.5,
        )
        for _ in range(400)
    ]
    for run, data in zip(decoded(batch), batch, strict=True):
        same(run, data)


@pytest.mark.parametrize("at", [0, 3, 7, 12, 17, 22, 29, 33, 45, 60, -5, -1])
def test_any_flipped_bit_in_a_batch_refuses_that_pack_only(at):
    rng = random.Random(4)
    batch = [shaped(rng, 8, deltas=False, flagged=True, wide=False) for _ in range(5)]
    bent = bytearray(batch[2])
    bent[at] ^= 4
    results = decoded([*batch[:2], bytes(bent), *batch[3:]])
    assert isinstance(results[2], Refusal)
    assert results[2].boot == -1
    for i in (0, 1, 3, 4):
        same(results[i], batch[i])


def test_a_pack_whose_crc_is_right_but_layout_unknown_keeps_its_identity():
    data = bytearray(shaped(random.Random(5), 4, deltas=False, flagged=False, wide=False)[:-6])
    boot, seq = struct.unpack(">I", data[5:9])[0], struct.unpack(">I", data[11:15])[0]
    data[32] = 99  # the label of the exponent
    (result,) = decoded([reseal(bytes(data))])
    assert result[0] == "label"
    assert result[2:] == (boot, seq)


def test_absurd_times_do_not_overflow():
    data = bytearray(shaped(random.Random(6), 4, deltas=False, flagged=False, wide=False)[:-6])
    data[20:28] = b"\xff" * 8
    for run in decoded([reseal(bytes(data))] * 2):
        assert np.all(run.t_ms > 1 << 52)


def test_float_packs_with_nan_are_read():
    model = shaped(random.Random(7), 2, deltas=False, flagged=False, wide=False)
    at = len(model) - 6 - 8 - 6
    body = model[:at] + bytes([2, 0xD8, pack.FLOAT64, 0x59, 0, 16])
    for run in decoded([reseal(body + struct.pack("<dd", float("nan"), 2.5))] * 2):
        assert np.isnan(run.value[0, 0])
        assert run.quality is None or run.quality[0, 0] == quality.GOOD


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 120), st.binary(max_size=3))))
@settings(deadline=None)
def test_bytes_changed_anywhere_under_a_right_crc_are_read_or_refused(changes):
    rng = random.Random(8)
    batch = [bytearray(shaped(rng, 6, deltas=i > 2, flagged=i % 2, wide=False)) for i in range(6)]
    for i, at, raw in changes:
        batch[i][at : at + len(raw)] = raw
    sealed = [reseal(bytes(data[:-6])) for data in batch]
    for result, data in zip(decoded(sealed), sealed, strict=True):
        if isinstance(result, Block):
            same(result, data)


@given(st.lists(st.binary(max_size=80)))
def test_any_bytes_are_refused_not_fatal(payloads):
    assert all(isinstance(x, Refusal) for x in decoded(payloads))
