# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
"""Cut the power at flash operations of the ring, flip its bits, and count what came of it.

    micropython flash_cuts.py every | random COUNT SEED | flips STEP

Prints one JSON object of counts. The oracle stands outside the node: it knows what `append` and
`commit` returned for, and what a gateway that loses nothing has; never what the ring believes.
"""

import gc
import json
import os
import random
import sys

import flash

from cobenefit_node.ring import Ring
from cobenefit_wire import pack

ROOT = "/cut"
CHANNELS = ("energy_import_wh", "soil_ph", "pulse_count")
SEGMENTS, SEGMENT_BYTES = 4, 1024
BLOCKS = 32
STEPS = 90
#: Readings in a pack.
N = 6


class Oracle:
    """What was appended, and what the gateway has."""

    def __init__(self):
        self.tried = {}
        self.kept = set()
        self.told = set()
        self.gateway = {}
        self.out = {"cuts": 0, "packs": 0, "lost": 0, "corrupt": 0, "unmountable": 0,
                    "reused": 0, "uncounted": 0, "overcounted": 0}  # fmt: skip

    def append(self, ring: object, n: int) -> None:
        """Append a pack; it is committed once `append` has returned.

        Parameters
        ----------
        ring : Ring
            The ring.
        n : int
            Number of the pack in the day. [1]
        """
        key = (ring.boot, ring.seq)
        channel = CHANNELS[n % 3]
        values = tuple(1000 * n + i for i in range(N))
        data = pack.encode(
            pack.Pack(key[0], key[1], 0, 60_000 * n, "Wh", 0, 1000, (), values, b"")
        )
        if key in self.kept:
            self.out["reused"] += 1
        self.tried.setdefault(key, []).append((channel, data))
        ring.append(channel, N, data)
        self.kept.add(key)
        self.out["packs"] += 1

    def deliver(self, ring: object, most: int) -> None:
        """Walk the ring as the uplink does; the gateway takes up to `most` packs.

        Parameters
        ----------
        ring : Ring
            The ring.
        most : int
            Packs at most. [1]
        """
        at = (0, 0)
        while most:
            found = ring.following(at)
            if found is None:
                return
            record, position, at = found
            key = (record.boot, record.seq)
            if ring.covers(*key):
                continue
            got = ring.read(position)
            if got is None:
                continue
            if (record.channel, bytes(got[1])) not in self.tried.get(key, ()):
                self.out["corrupt"] += 1
            self.gateway[key] = record.channel
            most -= 1

    def ack(self, ring: object, boot: int) -> None:
        """Tell the ring what the gateway has of a boot.

        Parameters
        ----------
        ring : Ring
            The ring.
        boot : int
            Boot of the packs. [1]
        """
        have = sorted(s for b, s in self.gateway if b == boot)
        below = max([0] + [b for n, b, _ in ring.lost() if n == boot])
        floor, ranges = below, []
        for seq in have:
            if seq == floor:
                floor += 1
            elif seq > floor and ranges and ranges[-1] == seq - 1:
                ranges[-1] = seq
            elif seq > floor:
                ranges += [seq, seq]
        ring.commit(boot, floor, ranges)
        self.told |= {(boot, seq) for seq in have if seq >= below}

    def judge(self, ring: object) -> None:
        """Compare what was committed with what the gateway has and what the ring says is lost."""
        below = {boot: b for boot, b, _ in ring.lost()}
        told = sum(n for _, _, counts in ring.lost() for _, n in counts)
        dropped = {key for key in self.tried if key[1] < below.get(key[0], 0)}
        gone = self.kept - set(self.gateway)
        self.out["lost"] += len(gone - dropped)
        self.out["uncounted"] += told < N * len(gone & dropped)
        # A pack the gateway has, but had not yet told the node of, may count as lost.
        over = told // N - len(dropped - self.told)
        self.out["overcounted"] = max(self.out["overcounted"], over)


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
                for boot in sorted({b for b, _ in oracle.gateway}):
                    oracle.ack(ring, boot)


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
    gc.collect()
    try:
        flash.mount(chip, ROOT)
    except OSError:
        if not chip.dead:
            oracle.out["unmountable"] += 1
        return not chip.dead
    ring = None
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
    for boot in sorted({b for b, _ in oracle.gateway}):
        oracle.ack(ring, boot)
    if ring.waiting():
        oracle.out["lost"] += ring.waiting()
    oracle.judge(ring)
    ring.close()
    flash.unmount(ROOT)


def every(_: list) -> dict:
    """Cut a day, of two boots, at each of its operations."""
    total = Oracle().out
    operation = 0
    while True:
        oracle = Oracle()
        chip = flash.formatted(BLOCKS).power_on(operation, operation * 37 % 257)
        done = live(oracle, chip, 0, STEPS // 2)
        if done:
            # The planned restart, on the operations that are left until the cut.
            chip = chip.power_on(operation - chip.done, operation * 37 % 257)
            done = live(oracle, chip, STEPS // 2, STEPS)
        finish(oracle, chip.power_on())
        _add(total, oracle.out)
        if done:
            total["cuts"] = operation
            return total
        operation += 1


def cuts_at_random(arguments: list) -> dict:
    """Cut lives of many boots at random operations, some of them while starting."""
    count, seed = int(arguments[0]), int(arguments[1])
    random.seed(seed)
    total = Oracle().out
    while total["cuts"] < count:
        oracle = Oracle()
        chip = flash.formatted(BLOCKS)
        n = random.randrange(STEPS)  # noqa: S311
        for _ in range(min(10, count - total["cuts"])):
            most = 40 if random.randrange(4) == 0 else 400  # noqa: S311
            chip = chip.power_on(random.randrange(most), random.randrange(257))  # noqa: S311
            if not live(oracle, chip, n, random.randrange(5, 60)):  # noqa: S311
                oracle.out["cuts"] += 1
            n += 60
        finish(oracle, chip.power_on())
        _add(total, oracle.out)
    return total


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
    for boot in sorted({b for b, _ in oracle.gateway}):
        oracle.ack(ring, boot)
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
