# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
"""Cut the power at flash operations of the ring, flip its bits, and count what came of it.

    micropython flash_cuts.py every | random COUNT SEED | flips STEP

Prints one JSON object of counts. A life is lived once, with a journal of the chip's operations.
What the chip holds after a cut is the image before it, the operations until then, and a share of
the one that is cut; so a cut costs the recovery alone, not the life before it. Every fourth cut is
followed by another while the ring recovers, on a chip that goes dead in the middle of the code.
"""

import gc
import json
import os
import random
import sys

import flash
from cut_oracle import Oracle, Replay

from cobenefit_node.ring import Ring

ROOT = "/cut"
SEGMENTS, SEGMENT_BYTES = 4, 1024
BLOCKS = 32
STEPS = 90
#: Lives on one chip, each on an image that a cut has left, and cuts tried in each of them. The
#: ring remembers the losses of 32 boots.
LIVES, CUTS = 15, 6


def day(oracle: object, ring: object, start: int, steps: int) -> None:
    """Live through steps: outage, a full ring, acks in pieces, a drained backlog.

    Parameters
    ----------
    oracle : Oracle
        What is known outside.
    ring : Ring
        The ring.
    start : int
        First step of the day. [1]
    steps : int
        How many steps. [1]
    """
    for n in range(start, start + steps):
        oracle.append(ring, n)
        phase = n % STEPS
        if phase < 25 or phase > 75:
            oracle.deliver(ring, 2)
            oracle.ack(ring, ring.boot)
            if phase % 5 == 0:
                oracle.ack_all(ring)


def live(oracle: object, chip: object, start: int, steps: int) -> bool:
    """Boot on a chip and live until the day ends or the power does; return whether it did.

    Parameters
    ----------
    oracle : Oracle
        What is known outside.
    chip : Flash
        The chip.
    start : int
        First step of the day. [1]
    steps : int
        How many steps. [1]
    """
    oracle.chip = chip
    try:
        flash.mount(chip, ROOT)
    except OSError:
        if not chip.dead:
            oracle.out["unmountable"] += 1
        return not chip.dead
    try:
        ring = Ring(ROOT + "/ring", SEGMENTS, SEGMENT_BYTES)
        day(oracle, ring, start, steps)
        ring.close()
    except OSError:
        if not chip.dead:
            raise
    finally:
        flash.unmount(ROOT)
    return not chip.dead


def finish(oracle: object, chip: object) -> None:
    """Boot for good, deliver everything, and judge."""
    try:
        flash.mount(chip, ROOT)
    except OSError:
        oracle.out["unmountable"] += 1
        return
    ring = Ring(ROOT + "/ring", SEGMENTS, SEGMENT_BYTES)
    oracle.deliver(ring, 10_000)
    oracle.ack_all(ring)
    oracle.judge(ring)
    ring.close()
    flash.unmount(ROOT)


class Life:
    """One life, lived with a journal, that can be cut afterwards wherever one likes."""

    def __init__(self, oracle: object, raw: bytearray, start: int, steps: int) -> None:
        """Live it on a copy of an image, which stays as it is."""
        gc.collect()
        self._image = flash.Flash(0, bytearray(raw))
        self._done = 0
        chip = flash.Flash(0, bytearray(raw))
        chip.journal = self.journal = []
        lived = oracle.copy()
        live(lived, chip, start, steps)
        self._replay = Replay(oracle.copy(), lived)
        self.known = lived
        self.out = lived.out
        self.end = chip.raw

    def cut(self, operation: int, torn: int) -> tuple:
        """Return what the chip holds and what is known when an operation was cut.

        Parameters
        ----------
        operation : int
            Number of the operation, not below one asked for before. [1]
        torn : int
            Share of it that is done, 0 to 256. [1/256]
        """
        while self._done < operation:
            self._image.redo(self.journal[self._done])
            self._done += 1
        chip = flash.Flash(0, bytearray(self._image.raw))
        chip.redo(self.journal[operation], torn)
        return chip.raw, self._replay.after(operation)


def every(_: list) -> dict:
    """Cut a day, of two boots, at each of its operations."""
    total = Oracle().out
    raw, oracle = flash.formatted(BLOCKS).raw, Oracle()
    for start, steps in ((0, STEPS // 2), (STEPS // 2, STEPS)):
        life = Life(oracle, raw, start, steps)
        for operation in range(len(life.journal)):
            image, known = life.cut(operation, total["cuts"] * 37 % 257)
            finish(known, flash.Flash(0, image))
            _add(total, known.out)
            total["cuts"] += 1
        _add(total, life.out)
        raw, oracle = life.end, life.known.copy()
    finish(oracle, flash.Flash(0, raw))
    _add(total, oracle.out)
    return total


def cuts_at_random(arguments: list) -> dict:
    """Cut lives of many boots at random operations, some of them again while recovering."""
    count, seed = int(arguments[0]), int(arguments[1])
    random.seed(seed)
    total = Oracle().out
    while total["cuts"] < count:
        raw, oracle = flash.formatted(BLOCKS).raw, Oracle()
        n = random.randrange(STEPS)  # noqa: S311
        for _ in range(LIVES):
            left = min(CUTS, count - total["cuts"])
            if not left:
                break
            life = Life(oracle, raw, n, random.randrange(5, 60))  # noqa: S311
            _add(total, life.out)
            n += 60
            raw, oracle = _cut_life(life, left, n, total)
            n += 1
    return total


def _cut_life(life: object, cuts: int, n: int, total: dict) -> tuple:
    """Cut a life at some operations; return image and oracle of one cut, to live on from."""
    most = len(life.journal)
    at = sorted(random.randrange(most) for _ in range(cuts))  # noqa: S311
    chosen = random.randrange(cuts)  # noqa: S311
    left = None
    for i, operation in enumerate(at):
        image, known = life.cut(operation, random.randrange(257))  # noqa: S311
        if random.randrange(4) == 0:  # noqa: S311
            chip = flash.Flash(0, image).power_on(
                random.randrange(40),  # noqa: S311
                random.randrange(257),  # noqa: S311
            )
            live(known, chip, n, 1)
        if i == chosen:
            left = bytearray(image), known.copy()
        finish(known, flash.Flash(0, image))
        _add(total, known.out)
        total["cuts"] += 1
    return left


def flips(arguments: list) -> dict:
    """Flip every STEP-th bit of the ring's files, one at a time, and restart."""
    step = int(arguments[0])
    first = Oracle()
    chip = flash.formatted(BLOCKS)
    live(first, chip, 25, 14)
    flash.mount(chip.power_on(), ROOT)
    files = {}
    for name in os.listdir(ROOT + "/ring"):
        with open(ROOT + "/ring/" + name, "rb") as f:
            files[name] = f.read()
    out = {"flips": 0, "undetected": 0, "corrupt": 0, "others_lost": 0, "uncounted": 0}
    for name, raw in sorted(files.items()):
        for bit in range(0, 8 * len(raw), step):
            for other, whole in files.items():
                data = bytearray(whole)
                if other == name:
                    data[bit >> 3] ^= 1 << (bit & 7)
                with open(ROOT + "/ring/" + other, "wb") as f:
                    f.write(data)
            _flip(first, name, out)
    flash.unmount(ROOT)
    return out


def _flip(first: object, name: str, out: dict) -> None:
    oracle = Oracle()
    oracle.tried, oracle.kept = first.tried, first.kept
    ring = Ring(ROOT + "/ring", SEGMENTS, SEGMENT_BYTES)
    oracle.deliver(ring, 10_000)
    oracle.ack_all(ring)
    missing = len(oracle.kept) - len(oracle.gateway)
    out["flips"] += 1
    out["corrupt"] += oracle.out["corrupt"]
    out["others_lost"] += max(0, missing - name.endswith(".seg"))
    out["undetected"] += ring.damaged < 1
    out["uncounted"] += ring.waiting() > 0 or (missing and not ring.lost())
    ring.close()
    for left in os.listdir(ROOT + "/ring"):
        os.remove(ROOT + "/ring/" + left)


def _add(total: dict, part: dict) -> None:
    for key, n in part.items():
        total[key] = max(total[key], n) if key == "overcounted" else total[key] + n


MODES = {"every": every, "random": cuts_at_random, "flips": flips}
print(json.dumps(MODES[sys.argv[1]](sys.argv[2:])))
