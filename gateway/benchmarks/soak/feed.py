"""The generator: 10,000 devices in one process, each keeping its packs until an ack covers them.

    python gateway/benchmarks/soak/feed.py --port 1883 --devices 10000 --rate 500000 --folder run

SIGTERM or SIGINT ends it in order: the round under way is finished, everything is sent until it is
acknowledged, the ledger is written. `progress.json` in the folder says each second how far it is.
"""

import argparse
import json
import signal
import time
from pathlib import Path
from typing import Any

import cbor2
import fleet
import numpy as np
from fleet import BOOT, LOST_SEQ, READINGS, SITE
from ledger import Ledger
from link import Link

from cobenefit_wire import messages

#: Devices whose packs are made and sent at once. [1]
BLOCK = 250
#: A device makes no more packs while this many of its own wait for an ack. [1]
WAITING = 64
#: A device sends at most so many packs again at once. [1]
_AGAIN = 12
_HEALTH_EVERY_S, _LONGEST_S = 300.0, 0.05


class Feed:
    """The devices, and what they still keep.

    Parameters
    ----------
    link : Link
        Their way to the broker.
    ledger : Ledger
        What they have sent.
    rate : float
        Readings they make in a second, 0 for as many as are taken. [reading/s]
    again_s : float
        How long a device waits for an ack before it sends again. [s]
    """

    def __init__(self, link: Link, ledger: Ledger, rate: float, again_s: float) -> None:
        self._link, self.ledger, self._rate, self._again_s = link, ledger, rate, again_s
        self._n = ledger.sent.shape[0]
        self.floor = np.full(self._n, ledger.rounds, dtype=np.int64)
        self._ranges: dict[int, list[int]] = {}
        self._sent_at = np.zeros((2 * WAITING, self._n))
        self._again_at = np.zeros(self._n)
        self._health_at = time.monotonic() + np.linspace(0, _HEALTH_EVERY_S, self._n)
        self._reached = np.full(self._n, ledger.rounds, dtype=np.int64)
        self.resent, self.packs, self.waited_s = 0, 0, 0.0

    @property
    def unacked(self) -> int:
        """Packs that devices keep [1]."""
        return int((self._reached - self.floor).sum())

    def round(self) -> None:
        """Let every device send its next pack, at the rate asked for."""
        seq, started = self.ledger.rounds, time.monotonic()
        for at in range(0, self._n, BLOCK):
            numbers = np.arange(at, min(at + BLOCK, self._n))
            if self._rate:
                due = started + at * READINGS / self._rate
                while (left := due - time.monotonic()) > 0:
                    self.turn(min(left, _LONGEST_S))
            begun = time.monotonic()
            while not self._link.room() or seq - self.floor[numbers].min() >= WAITING:
                self.turn(_LONGEST_S)
            waited = time.monotonic() - begun
            self.waited_s += waited
            started += waited
            self._send_first(numbers, seq)
            self.turn(0.0)
        self.ledger.rounds += 1

    def _send_first(self, numbers: fleet.Ints, seq: int) -> None:
        self._sent_at[seq % len(self._sent_at), numbers] = time.monotonic()
        self._reached[numbers] = seq + 1
        self.ledger.add(numbers, seq)
        numbers = numbers[~fleet.never_sent(numbers, seq)]
        self.packs += numbers.size
        for number in numbers[fleet.bent(numbers, seq)].tolist():
            data = fleet.damaged(fleet.payload(number, seq))
            self._link.publish(fleet.topic(number, seq), data)
        odd = fleet.flagged(numbers, seq)
        plain = numbers[~odd]
        self._link.send(fleet.block(plain, seq).numbered(self._link.ids(plain.size)), plain.size)
        twice = numbers[fleet.doubled(numbers, seq)]
        self.ledger.copies += twice.size
        for number in [*numbers[odd].tolist(), *twice.tolist()]:
            self._link.publish(fleet.topic(number, seq), fleet.payload(number, seq))

    def turn(self, timeout_s: float) -> None:
        """Hear acks, send again what got none, tell of the devices' health."""
        for topic, data in self._link.turn(timeout_s):
            self._ack(int(topic.split("/")[3][1:]), cbor2.loads(data))
        now = time.monotonic()
        self._send_again(now)
        for number in np.flatnonzero(self._health_at < now)[:50].tolist():
            self._tell_health(number, now)

    def _ack(self, number: int, ack: dict[int, Any]) -> None:
        if ack[1] == BOOT:
            self.floor[number] = max(ack[2], self.floor[number])
            self._ranges[number] = ack[3]
            if not ack[3]:
                del self._ranges[number]

    def _send_again(self, now: float) -> None:
        rows = np.arange(self._n)
        oldest = self._sent_at[self.floor % len(self._sent_at), rows]
        last = np.maximum(oldest, self._again_at)
        due = (self.floor < self._reached) & (now - last > self._again_s)
        for number in np.flatnonzero(due)[:100].tolist():
            if not self._link.room():
                return
            self._again_at[number] = now
            self._again(number, now)

    def _again(self, number: int, now: float) -> None:
        covered = self._ranges.get(number, [])
        pairs = list(zip(covered[::2], covered[1::2], strict=True))
        low = int(self.floor[number])
        for seq in range(low, min(low + _AGAIN, int(self._reached[number]))):
            if fleet.never_sent(np.array([number]), seq)[0]:
                self._tell_health(number, now)
            elif not any(a <= seq <= b for a, b in pairs):
                self._link.publish(fleet.topic(number, seq), fleet.payload(number, seq))
                self.resent += 1

    def _tell_health(self, number: int, now: float) -> None:
        # Lost packs are declared once everything before them is acknowledged.
        self._health_at[number] = now + _HEALTH_EVERY_S
        lost = int(self.ledger.lost[number, LOST_SEQ % 2])
        gone = lost and self.floor[number] >= LOST_SEQ
        entry = [[BOOT, LOST_SEQ + 1, [[fleet.CHANNELS[LOST_SEQ % 2], lost]]]] if gone else []
        health = messages.Health(
            BOOT, int(now * 1000), 1, 5, "profile", 6, 7, 0, 1, None, 0,
            time.time_ns() // 1_000_000, entry, 0, 0, 0, 0, [], 0,
        )  # fmt: skip
        topic = f"cb/v1/{SITE}/{fleet.device(number)}/health"
        self._link.publish(topic, messages.encode(health))

    def settle(self, timeout_s: float) -> None:
        """Wait until every pack is acknowledged and the broker has everything."""
        until = time.monotonic() + timeout_s
        while self.unacked or self._link.on_the_way:
            self.turn(_LONGEST_S)
            if time.monotonic() > until:
                raise TimeoutError(f"{self.unacked} packs without an ack after {timeout_s:g} s")


def _progress(feed: Feed, folder: Path, began: float) -> None:
    facts = {
        "readings": feed.ledger.readings, "packs": feed.packs, "unacked": feed.unacked,
        "resent": feed.resent, "copies": feed.ledger.copies, "rounds": feed.ledger.rounds,
        "waited_s": round(feed.waited_s, 2), "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip
    fresh = folder / "progress.new"
    fresh.write_text(json.dumps(facts), encoding="utf-8")
    fresh.replace(folder / "progress.json")


def main() -> None:
    """Send until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=0.0, help="readings a second, 0 = most")
    parser.add_argument("--again-s", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stop.append(got))
    file = asked.folder / "ledger.npz"
    ledger = Ledger.load(file) if file.exists() else Ledger.of(asked.devices)
    link = Link(asked.port)
    feed = Feed(link, ledger, asked.rate, asked.again_s)
    began = told = time.monotonic()
    while not stop:
        feed.round()
        if time.monotonic() - told > 1:
            told = time.monotonic()
            _progress(feed, asked.folder, began)
    _progress(feed, asked.folder, began)
    feed.settle(600)
    ledger.save(file)
    _progress(feed, asked.folder, began)
    link.close()


if __name__ == "__main__":
    main()
