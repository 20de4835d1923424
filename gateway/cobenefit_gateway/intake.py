"""What to do with each message of the journal: route it, drop copies, count what is refused.

The journal's records go in, in order; the state changes; the boots to acknowledge come out. Run
on the same records it does the same, which is what makes a replay after a crash exact. What is
refused is kept whole, so it can be taken again after the cause is put right. It must do no I/O
beyond the `reopen` function its readings need.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import repeat
from sys import intern

import numpy as np

from cobenefit_gateway import node_health
from cobenefit_gateway.acks import Sequences, TooManyRangesError
from cobenefit_gateway.adapters import Adapter, Adapters
from cobenefit_gateway.batch import Columns, Piece, of_runs, of_singles
from cobenefit_gateway.config import Config
from cobenefit_gateway.copies import is_copy
from cobenefit_gateway.decode import Block, Refusal, decode_packs
from cobenefit_gateway.journal import OVERSIZE, RAW, RETAINED, Record
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.routes import Route, Routes
from cobenefit_gateway.senml_bulk import decode_alike
from cobenefit_gateway.senml_in import Channel, decode_senml, is_absolute, only
from cobenefit_gateway.state import DeviceBoot, Kept, Series, State, rule_of
from cobenefit_wire import messages
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import Topic

log = logging.getLogger(__name__)
#: Bounded, so that a stranger inventing device names can't fill the memory.
MAX_SERIES = 1_000_000
#: Where the readings of plain SenML belong is remembered for so many names. [1]
_PLACES_KEPT = 200_000
#: Topic, SenML name and unit of a message that was read at once.
_Said = tuple[str, str, str]


class Intake:
    """Takes journal records into a state.

    Parameters
    ----------
    config : Config
        Rules of sites and channels.
    state : State
        Changed in place.
    readings : Readings
        Where accepted runs go.
    """

    def __init__(self, config: Config, state: State, readings: Readings) -> None:
        self._config = config
        self._state = state
        self._readings = readings
        self._routes = Routes(Adapters(config, state))
        self._places: dict[_Said, Series] = {}
        self._batches = 0

    def take(self, records: Sequence[Record]) -> set[DeviceBoot]:
        """Take a batch of records.

        Parameters
        ----------
        records : sequence of Record
            In the order of the journal.

        Returns
        -------
        set of (site, device, boot)
            Whose acknowledgement is due, duplicates included.
        """
        self._state.totals["messages"] += len(records)
        return self._take(records, repeat(None))

    def again(self, messages: Sequence[Kept]) -> set[DeviceBoot]:
        """Take refused messages once more; what is still wrong is refused and kept anew.

        Parameters
        ----------
        messages : sequence of Kept
            Asked for by somebody who has put the cause right.

        Returns
        -------
        set of (site, device, boot)
            Whose acknowledgement is due.
        """
        for kept in messages:
            self._state.forgive(kept)
        return self._take([kept.record for kept in messages], messages)

    def _take(self, records: Sequence[Record], kept: Iterable[Kept | None]) -> set[DeviceBoot]:
        taking = _Taking(self._routes, records, self._places)
        self._batches += 1
        new = [False] * len(taking.packs)
        at, places = 0, taking.places
        # In the order of the journal: a health message may give up a pack that comes after it.
        for i, (record, again) in enumerate(zip(records, kept, strict=False)):
            route = taking.routes[i]
            if at < len(new) and taking.packs[at] == i:
                if again is not None and again.known:
                    new[at] = True
                elif taking.boot[at] >= 0:
                    new[at] = self._is_new(route, taking.boot[at], taking.seq[at], taking.due)
                if at in taking.refused:
                    self._refused(route, record, taking.refused[at], again, new=new[at])
                at += 1
            elif i in places and again is None and not is_copy(self._state, record):
                taking.accepted.append(i)
            else:
                self._other(route, record, taking, i, again)
        pieces = [x for block in taking.blocks if (x := self._piece(block, taking, new))]
        self._readings.add([*pieces, *taking.pieces()])
        return taking.due

    def _is_new(self, route: Route, boot: int, seq: int, due: set[DeviceBoot]) -> bool:
        sequences = route.sequences
        if sequences is None or boot != route.boot:
            route.key = self._boot(route, boot)
            sequences = self._state.sequences.setdefault(route.key, Sequences())
            route.boot, route.sequences, route.batch = boot, sequences, -1
        try:
            new = sequences.add(seq)
        except TooManyRangesError:
            self._state.totals["scattered"] += 1
            return False
        if route.batch != self._batches:
            route.batch = self._batches
            due.add(route.key)
            self._state.changes.sequences.add(route.key)
        if not new:
            self._state.totals["duplicates"] += 1
        return new

    def _boot(self, route: Route, boot: int) -> DeviceBoot:
        # With the texts of the series, where there is one, and not others like them.
        if route.series is not None:
            return *route.series.place[:2], boot
        topic = route.topic
        return topic.site, topic.device, boot

    def _refused(
        self, route: Route, record: Record, refusal: Refusal, again: Kept | None, *, new: bool
    ) -> None:
        if refusal.boot < 0:
            self._unreadable(route, record, refusal.reason, refusal.text, again)
        elif new:
            self._refuse(route.topic, refusal.reason, record, refusal.text)

    def _piece(self, block: Block, taking: "_Taking", new: list[bool]) -> Piece | None:
        # The rows of a block that are new and of the agreed unit.
        rows = [row for row, at in enumerate(block.at) if new[at]]
        where = [taking.packs[block.at[row]] for row in rows]
        routes = [taking.routes[i] for i in where]
        records = taking.records
        n = block.value.shape[1]
        if any(route.unit != block.unit for route in routes):
            fits = [
                self._fits(route, block.unit, n, records[i])
                for route, i in zip(routes, where, strict=True)
            ]
            rows = [x for x, good in zip(rows, fits, strict=True) if good]
            where = [x for x, good in zip(where, fits, strict=True) if good]
            routes = [x for x, good in zip(routes, fits, strict=True) if good]
        if not rows:
            return None
        if len(rows) < len(block.at):
            block = block.chosen(rows)
        return Piece(
            [route.series for route in routes if route.series is not None],
            [records[i].received_ms for i in where],
            np.full(len(rows), n, dtype=np.int64),
            block.step_ms,
            block.t_ms.ravel(),
            block.value.ravel(),
            block.given(),
        )

    def _fits(self, route: Route, unit: str, n: int, record: Record) -> bool:
        topic = route.topic
        series = self._agreed(topic, topic.channel, unit, n, record)
        if series is not None:
            route.series, route.unit = series, unit
        return series is not None

    def _agreed(
        self, topic: Topic, channel: str, unit: str, n: int, record: Record
    ) -> Series | None:
        # Where readings of this unit belong; refused and kept if there is no such place.
        series = self._series(topic, channel)
        if series is not None and unit == series.rule.unit:
            return series
        reason, text = "quantity", "the channel is named after no known quantity"
        if series is not None:
            reason, text = "unit", f"unit {unit!r} where {series.rule.unit!r} is agreed"
        self._refuse(topic._replace(channel=channel), reason, record, text, readings=n)
        return None

    def _series(self, topic: Topic, channel: str) -> Series | None:
        key = topic.site, topic.device, intern(channel)
        series = self._state.series.get(key)
        if series is None:
            rule = rule_of(self._config, *key)
            if rule is None or len(self._state.series) >= MAX_SERIES:
                return None
            # After the highest number there is; saved even if nothing of it is ever accepted.
            series = self._state.add_series(max(len(self._state.by_id), 1), key, rule)
            self._state.table.changed[series.id] = True
        return series

    def _other(
        self, route: Route, record: Record, taking: "_Taking", i: int, again: Kept | None
    ) -> None:
        try:
            _check_readable(route, record)
            if route.adapter is not None or route.leaf == "senml":
                self._channels(route, record, taking, i, again)
            elif route.leaf == "health":
                health = messages.decode_health(record.payload)
                node_health.update(
                    self._state, route.topic, health, record.received_ms, taking.due
                )
            elif route.leaf == "state" and record.payload:
                said = messages.decode_state(record.payload)
                fresh = record.kind != RETAINED
                node_health.hear(self._state, route.topic, said, taking.due, fresh=fresh)
        except WireError as err:
            self._unreadable(route, record, err.reason, err.text, again)
        except Exception as err:
            # The one place that survives anything: else this message, read again from the
            # journal at every start, would stop the gateway for good.
            log.exception("a message on %s could not be handled", record.topic)
            self._unreadable(route, record, "internal", type(err).__name__, again)

    def _channels(
        self, route: Route, record: Record, taking: "_Taking", i: int, again: Kept | None
    ) -> None:
        if route.adapter is None:
            topic, channels = None, self._senml(record, taking, i, again)
        else:
            topic, channels = self._foreign(route.adapter, record, again)
        for channel in channels:
            # Of a message that is taken again, only the channel that was refused.
            if again is not None and again.place[2] not in ("", channel.name):
                continue
            series = route.series
            if series is None or (series.channel, route.unit) != (channel.name, channel.unit):
                n = len(channel.value)
                series = self._agreed(topic or route.topic, channel.name, channel.unit, n, record)
                if route.adapter is None:
                    route.series, route.unit = series, channel.unit
            if series is None:
                continue
            said = taking.said.get(i)
            if said is None:
                taking.columns.add(series, record.received_ms, channel)
                continue
            taking.places[i] = series
            taking.accepted.append(i)
            if len(self._places) >= _PLACES_KEPT:
                self._places.clear()
            self._places[said] = series

    def _senml(
        self, record: Record, taking: "_Taking", i: int, again: Kept | None
    ) -> Sequence[Channel]:
        channels = taking.channels(i)
        copy = again is None and is_copy(self._state, record)
        if copy and (record.kind != RAW or is_absolute(record.payload)):
            self._state.totals["duplicates"] += 1
            return ()
        return channels

    def _foreign(
        self, adapter: Adapter, record: Record, again: Kept | None
    ) -> tuple[Topic, Sequence[Channel]]:
        message = adapter.decode(record)
        copies = [again is None and self._state.is_copy(f) for f in message.fingerprints]
        if any(copies):
            self._state.totals["duplicates"] += 1
            message = message._replace(channels=[])
        return Topic(message.site, message.device, "", ""), message.channels

    def _unreadable(
        self, route: Route, record: Record, reason: str, text: str, again: Kept | None
    ) -> None:
        # Nothing vouches for who sent it: known by its bytes, so a copy is not counted again.
        if again is None and is_copy(self._state, record):
            self._state.totals["duplicates"] += 1
            return
        detail = text + (f" ({record.topic[:80]})" if route.problem is not None else "")
        self._refuse(route.topic, reason, record, detail, known=False)

    def _refuse(
        self,
        topic: Topic,
        reason: str,
        record: Record,
        detail: str,
        *,
        readings: int = 0,
        known: bool = True,
    ) -> None:
        place, when = (topic.site, topic.device, topic.channel), (record.received_ms,) * 2
        self._state.refuse(place, reason, when, readings=readings, packs=1, detail=detail)
        self._state.keep(Kept(record, place, reason, readings, known))


def _check_readable(route: Route, record: Record) -> None:
    if route.problem is not None and route.adapter is None:
        raise route.problem
    if record.kind == OVERSIZE:
        raise WireError("oversize", "longer than a message may be")


class _Taking:
    """One batch on its way: routes of all records, and the packs among them decoded."""

    def __init__(
        self, routes: Routes, records: Sequence[Record], places: dict[_Said, Series]
    ) -> None:
        self.records = records
        self.routes = [routes[record[0]] for record in records]
        self.packs = [
            i
            for i, route in enumerate(self.routes)
            if route.leaf == "up" and records[i].kind != OVERSIZE
        ]
        self.blocks, self.refused = decode_packs([records[i].payload for i in self.packs])
        self.boot, self.seq = [-1] * len(self.packs), [-1] * len(self.packs)
        for block in self.blocks:
            for at, boot, seq in zip(block.at, block.boot, block.seq, strict=True):
                self.boot[at], self.seq[at] = boot, seq
        for at, refusal in self.refused.items():
            self.boot[at], self.seq[at] = refusal.boot, refusal.seq
        senml = [
            i
            for i, route in enumerate(self.routes)
            if route.leaf == "senml" and records[i].kind != OVERSIZE
        ]
        self.alike = decode_alike({i: records[i].payload for i in senml})
        self.said = {
            i: (records[i].topic, one.bn + one.n, one.unit_of(one.u))
            for i, one in self.alike.first.items()
        }
        self.places = {i: places[said] for i, said in self.said.items() if said in places}
        #: Messages read at once that are to be added.
        self.accepted: list[int] = []
        self.columns = Columns()
        self.due: set[DeviceBoot] = set()

    def channels(self, i: int) -> Sequence[Channel]:
        """Return what a SenML message holds; WireError when it is none."""
        record = self.records[i]
        if i in self.said:
            several = self.alike.channel(i)
            return [several or only(self.alike.first[i], record.received_ms)]
        return decode_senml(record.payload, record.received_ms)

    def pieces(self) -> list[Piece]:
        """Return the SenML and foreign runs that were accepted."""
        pieces = self.columns.pieces()
        left = set(self.accepted)
        for runs in self.alike.runs:
            wanted = runs.chosen(np.array([i in left for i in runs.at]))
            if wanted.at:
                pieces.append(of_runs(*self._whose(wanted.at), wanted))
                left.difference_update(wanted.at)
        if left:
            singles = sorted(left)
            said = [self.alike.first[i] for i in singles]
            pieces.append(of_singles(*self._whose(singles), said))
        return pieces

    def _whose(self, which: Sequence[int]) -> tuple[list[Series], list[int]]:
        return [self.places[i] for i in which], [self.records[i].received_ms for i in which]
