# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
"""What stands outside the ring and knows what it must hold.

The oracle knows what `append` and `commit` returned for, and what a gateway that loses nothing
has; never what the ring believes. While a chip keeps a journal, each thing learnt is noted with
the number of operations done until then, so that `Replay` can tell what was known at any of them.
"""

from cobenefit_wire import pack

CHANNELS = ("energy_import_wh", "soil_ph", "pulse_count")
#: Readings in a pack.
N = 6
#: What must not happen, counted.
FAILURES = (
    "lost", "corrupt", "duplicates", "unmountable", "reused", "uncounted", "overcounted",
)  # fmt: skip


class Oracle:
    """What was appended, and what the gateway has."""

    def __init__(self) -> None:
        self.tried = {}
        self.kept = set()
        self.told = set()
        self.gateway = {}
        self.numbers = {}
        self.events = []
        self.chip = None
        self.out = dict.fromkeys(("cuts", "packs") + FAILURES, 0)  # noqa: RUF005

    def copy(self) -> object:
        """Return an oracle that knows the same and has counted nothing."""
        other = Oracle()
        other.tried, other.gateway = dict(self.tried), dict(self.gateway)
        other.kept, other.told = set(self.kept), set(self.told)
        other.numbers = dict(self.numbers)
        return other

    def learn(self, kind: str, key: object, what: object = None) -> None:
        """Take note of one thing.

        Parameters
        ----------
        kind : str
            `tried`, `kept`, `got` or `told`.
        key : tuple
            Boot and sequence of the pack. [1]
        what : object
            Channel, bytes and number of a pack that was tried; channel of one the gateway got.
        """
        if self.chip is not None and self.chip.journal is not None:
            self.events.append((self.chip.done, kind, key, what))
        if kind == "tried":
            self.tried[key] = self.tried.get(key, ()) + (what,)  # noqa: RUF005
        elif kind == "kept":
            self.kept.add(key)
        elif kind == "got":
            self.gateway[key] = what[0]
            if self.numbers.setdefault(what[2], key) != key:
                self.out["duplicates"] += 1
        else:
            self.told.add(key)

    def append(self, ring: object, n: int) -> None:
        """Append a pack; it is committed once `append` has returned.

        Parameters
        ----------
        ring : Ring
            The ring.
        n : int
            Number of the pack, never used twice. [1]
        """
        key = (ring.boot, ring.seq)
        channel = CHANNELS[n % 3]
        values = tuple(1000 * n + i for i in range(N))
        data = pack.encode(
            pack.Pack(key[0], key[1], 0, 60_000 * n, "Wh", 0, 1000, (), values, b"")
        )
        if key in self.kept:
            self.out["reused"] += 1
        self.learn("tried", key, (channel, data, n))
        ring.append(channel, N, data)
        self.learn("kept", key)
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
            data = bytes(got[1])
            tried = [t for t in self.tried.get(key, ()) if t[:2] == (record.channel, data)]
            if not tried:
                self.out["corrupt"] += 1
            self.learn("got", key, tried[0] if tried else (record.channel, data, key))
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
        for seq in have:
            if seq >= below and (boot, seq) not in self.told:
                self.learn("told", (boot, seq))

    def ack_all(self, ring: object) -> None:
        """Tell the ring what the gateway has of every boot."""
        for boot in sorted({b for b, _ in self.gateway}):
            self.ack(ring, boot)

    def judge(self, ring: object) -> None:
        """Compare what was committed with what the gateway has and what the ring says is lost."""
        below = {boot: b for boot, b, _ in ring.lost()}
        told = sum(n for _, _, counts in ring.lost() for _, n in counts)
        dropped = {key for key in self.tried if key[1] < below.get(key[0], 0)}
        gone = self.kept - set(self.gateway)
        self.out["lost"] += len(gone - dropped) + ring.waiting()
        self.out["uncounted"] += told < N * len(gone & dropped)
        # A pack the gateway has, but had not yet told the node of, may count as lost.
        over = told // N - len(dropped - self.told)
        self.out["overcounted"] = max(self.out["overcounted"], over)


class Replay:
    """What an oracle knew after each operation of a life that was lived with a journal."""

    def __init__(self, before: object, lived: object) -> None:
        self._known = before
        self._events = lived.events
        self._at = 0

    def after(self, done: int) -> object:
        """Return an oracle that knows what was known after that many operations.

        Parameters
        ----------
        done : int
            Operations, not below those asked for before. [1]
        """
        while self._at < len(self._events) and self._events[self._at][0] <= done:
            _, kind, key, what = self._events[self._at]
            self._known.learn(kind, key, what)
            self._at += 1
        return self._known.copy()
