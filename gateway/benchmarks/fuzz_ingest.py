# ruff: noqa: INP001, S311
"""Fuzz what reads bytes from strangers: framing, packs, SenML, health.

In one process, from valid inputs that are cut, flipped, doubled and spliced. An execution is one
stream or one payload. Anything but a refusal by name ends it with the input that did it. Prints
how many executions of each, how long they took, and the peak memory:

    python gateway/benchmarks/fuzz_ingest.py --executions 10000000
"""

import argparse
import json
import random
import resource
import time
from collections.abc import Callable

import cbor2

from cobenefit_gateway import packets
from cobenefit_gateway.decode import decode_packs
from cobenefit_gateway.errors import FramingError
from cobenefit_gateway.framing import MAX_PACKET, Delivery, Splitter
from cobenefit_gateway.senml_in import decode_senml
from cobenefit_wire import messages
from cobenefit_wire.errors import WireError
from cobenefit_wire.pack import Pack, encode

_TOGETHER = 50
_STARTS = {
    "pack": [
        encode(Pack(1, 2, 0, 1_600_000_000_000, "Wh", 0, 60_000, (), [1, 2, 3], b"")),
        encode(Pack(1, 3, 1, 5, "Cel", -2, 0, (0, 5, 9), [-1, 1 << 40, 3], b"\0\2\0")),
    ],
    "senml": [
        b'[{"bn":"a/","bt":1600000000,"n":"voltage_v","u":"V","v":1},{"n":"voltage_v","t":5,"v":2}]',
        b'[{"n":"power_active_w","u":"W","v":1e3}]',
        cbor2.dumps([{0: "voltage_v", 1: "V", 6: 1_600_000_000, 2: 1}, {0: "voltage_v", 2: 2.5}]),
    ],
    "health": [
        messages.encode(
            messages.Health(
                *(3, 9, 1, 5, "profile", 6, 7, 8, 9, None, 0, None, [[3, 2, [["x", 1]]]]),
                *(1, 2, 3, 4, [0, 1], 5),
            )
        )
    ],
}


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return bytes like the given ones, with a few wounds."""
    out = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(4)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif what == 1:
            del out[at : at + rng.randrange(9)]
        elif what == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 5))
        else:
            out[at:at] = out[rng.randrange(len(out) + 1) :][: rng.randrange(20)]
    return bytes(out)


def stream(rng: random.Random) -> bytes:
    """Return a few packets of a broker, some wounded."""
    parts = []
    for _ in range(rng.randrange(1, 5)):
        packet = packets.publish(rng.choice((4, 5)), 7, "cb/v1/s/d/up/x", bytes(rng.randrange(9)))
        parts.append(rng.choice((packet, packet, packets.pubacks([3]), b"\xd0\0")))
    return mutated(rng, b"".join(parts))


def one_stream(rng: random.Random) -> int:
    """Cut one stream anywhere; what comes out must not depend on where."""
    data, version = stream(rng), rng.choice((4, 5))
    at = rng.randrange(len(data) + 1)
    outcomes = []
    for chunks in ((data,), (data[:at], data[at:])):
        splitter, into, failed = Splitter(version), Delivery(1), False
        try:
            for chunk in chunks:
                splitter.feed(chunk, 0, into)
        except FramingError:
            failed = True
        if splitter.held_bytes > MAX_PACKET:
            raise AssertionError(f"holds {splitter.held_bytes} bytes of {data!r}")
        outcomes.append((into.records, into.ids, failed))
    if outcomes[0] != outcomes[1]:
        raise AssertionError(f"cut at {at}, {data!r} is something else: {outcomes}")
    return 1


def many_packs(rng: random.Random) -> int:
    """Decode a batch of packs, each exactly once a row or a refusal."""
    batch = [mutated(rng, rng.choice(_STARTS["pack"])) for _ in range(_TOGETHER)]
    blocks, refused = decode_packs(batch)
    found = sorted([i for block in blocks for i in block.at] + list(refused))
    if found != list(range(_TOGETHER)):
        raise AssertionError(f"of {batch} came out {found}")
    return _TOGETHER


def one_senml(rng: random.Random) -> int:
    """Decode one SenML message."""
    try:
        decode_senml(mutated(rng, rng.choice(_STARTS["senml"])), 1_700_000_000_000)
    except WireError:
        return 1
    return 1


def one_health(rng: random.Random) -> int:
    """Decode one health message."""
    try:
        messages.decode_health(mutated(rng, rng.choice(_STARTS["health"])))
    except WireError:
        return 1
    return 1


#: Each target and its share of the executions.
TARGETS: tuple[tuple[str, Callable[[random.Random], int], float], ...] = (
    ("framing", one_stream, 0.15),
    ("packs", many_packs, 0.6),
    ("senml", one_senml, 0.15),
    ("health", one_health, 0.1),
)


def fuzz(executions: int, longest_s: float, seed: int) -> dict[str, object]:
    """Run all targets and return what was done."""
    done: dict[str, object] = {"seed": seed}
    for name, target, share in TARGETS:
        rng, count, started = random.Random(f"{seed} {name}"), 0, time.monotonic()
        while count < executions * share and time.monotonic() - started < longest_s * share:
            try:
                count += target(rng)
            except Exception as err:
                err.add_note(f"target {name}, seed {seed}, execution {count}")
                raise
        done[name] = {"executions": count, "seconds": round(time.monotonic() - started, 1)}
    done["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return done


def main() -> None:
    """Fuzz as long as asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--executions", type=int, default=10_000_000)
    parser.add_argument("--longest-s", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(fuzz(options.executions, options.longest_s, options.seed)))


if __name__ == "__main__":
    main()
