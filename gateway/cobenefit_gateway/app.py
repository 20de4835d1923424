"""The gateway put together: broker -> journal -> intake -> checkpoint -> spool -> backend.

Two threads beside the network's: the intake (this one) and the forwarder. A batch is appended to
the journal and synced; only then is the broker told, is the batch taken into the state, and are
the nodes told. Every `checkpoint_s` the state and the journal position are saved together.

`stop` (SIGTERM, SIGINT) flushes: open windows are closed as they are, a later reading re-opens
them as a revision; everything is saved; the forwarder gets `drain_s` to empty the spool.
"""

import errno
import logging
import sqlite3
import time
from itertools import islice
from threading import Event, Thread
from typing import TYPE_CHECKING

from cobenefit_gateway.acks import encode_ack
from cobenefit_gateway.adapters import sparkplug, subscriptions
from cobenefit_gateway.adapters.homeassistant import Discovery
from cobenefit_gateway.config import Config
from cobenefit_gateway.forward import Forwarder
from cobenefit_gateway.framing import Delivery
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Journal, Position, Record
from cobenefit_gateway.lock import FolderLock
from cobenefit_gateway.memory import collect_seldom, keep_freed
from cobenefit_gateway.mqtt import open_broker
from cobenefit_gateway.opening import open_store
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.vitals import Vitals
from cobenefit_gateway.watch import Watch
from cobenefit_wire import topics

if TYPE_CHECKING:
    from cobenefit_gateway.state import DeviceBoot

log = logging.getLogger(__name__)
#: Acknowledgements of one device within this time go out as one. [s]
_ACK_EVERY_S = 0.1
#: However much they cost, nodes are told at least this often. [s]
_ACK_LATEST_S = 2.0
#: Records taken into the state at once: their columns should stay in the processor's cache. [1]
_TAKE = 1000
#: Checkpoints and acks take at most this part of the time each, when there is much of them. [1]
_CHECKPOINT_PART, _ACK_PART = 0.1, 0.02
#: However much they cost, the next checkpoint comes after this long. [s]
_LATEST_S = 60.0
#: While the disk takes nothing it is tried again after this long. [s]
_RETRY_S = 1.0
#: A stop still takes what comes without a pause of this length, at most for so long. [s]
_QUIET_S, _LAST_S = 0.3, 3.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class Gateway:
    """One gateway process on one data folder.

    Parameters
    ----------
    config : Config
        Checked configuration.
    broker_password : str
        '' for none.
    backend_key : str
        The key the backend knows this gateway by.
    mail_password : str
        Of the relay that alarms go through, '' for none.
    webhook_key : str
        Sent along with alarms, '' for none.
    """

    def __init__(
        self,
        config: Config,
        broker_password: str,
        backend_key: str,
        mail_password: str = "",
        webhook_key: str = "",
    ) -> None:
        keep_freed()
        collect_seldom()
        self._config = config
        self._lock = FolderLock(config.data_dir)
        self._store = open_store(config)
        self._journal = Journal(config.data_dir / "journal", config.journal.segment_mb << 20)
        self._due: set[DeviceBoot] = set()
        self._load()
        self._broker = open_broker(config, broker_password, subscriptions(config))
        self._forwarder = Forwarder(config, backend_key)
        self.vitals = Vitals(self._broker, self._forwarder)
        self._watch = Watch(config, self.vitals, mail_password, webhook_key)
        self._home = Discovery(config, self._publish)
        #: Whether the gateway ended to begin again with another configuration.
        self.begins_again = False
        self._stop = Event()
        self._saved = self._store.position
        self._complete = False
        self._checkpoint_at = self._ack_at = 0.0

    def _load(self) -> None:
        self._waiting: list[Record] = []  # in the journal, not in the state
        self._state = self._store.load()
        readings = Readings(self._config, self._state, self._store.window)
        self._intake = Intake(self._config, self._state, readings)

    def stop(self) -> None:
        """Ask the gateway to flush and end; safe from a signal handler."""
        self._stop.set()

    def begin_again(self) -> None:
        """Ask the gateway to end at once, without a flush: another takes over its folder."""
        self.begins_again = True
        self._stop.set()

    def run(self, until_idle_s: float | None = None) -> bool:
        """Work until stopped.

        Parameters
        ----------
        until_idle_s : float, optional
            Stop by itself after this long without a message. [s]

        Returns
        -------
        bool
            Whether the backend has everything; False leaves the rest in the spool.
        """
        self._replay()
        self._checkpoint()
        end_forwarding = Event()
        forwarding = Thread(target=self._forwarder.run, args=(end_forwarding,), name="forward")
        if self._config.backend.url:
            forwarding.start()
        self._watch.start()
        self._broker.start()
        try:
            self._work(until_idle_s)
            self._ack_at = 0.0
            self._tell_nodes()
            self._broker.stop()
            self._checkpoint(flush=not self.begins_again)
            done = self.begins_again or self._drain()
        finally:
            self._watch.stop()
            end_forwarding.set()
            if forwarding.ident is not None:
                forwarding.join()
        self._journal.close()
        self._store.close()
        self._lock.release()
        return done

    def _work(self, until_idle_s: float | None) -> None:
        journal = self._config.journal
        last_message_at = time.monotonic()
        while not self._stop.is_set():
            batch = self._broker.take(0.1, journal.commit_ms / 1000, journal.commit_messages)
            now = time.monotonic()
            if batch.records:
                last_message_at = now
                self._commit(batch)
            self._tell_nodes()
            if now >= self._checkpoint_at or self._journal_is_long():
                self._checkpoint()
            if until_idle_s is not None and now - last_message_at >= until_idle_s:
                self.stop()
        if not self.begins_again:
            self._take_last(now_s=time.monotonic())

    def _take_last(self, now_s: float) -> None:
        # What the broker has ready, so that a stop just after a message does not leave it there.
        journal = self._config.journal
        while not self._journal.pending and time.monotonic() < now_s + _LAST_S:
            batch = self._broker.take(_QUIET_S, journal.commit_ms / 1000, journal.commit_messages)
            if not batch.records:
                return
            self._commit(batch)

    def _commit(self, batch: Delivery) -> None:
        self._journal.extend(batch.records)
        if self._synced():
            self._broker.acknowledge(batch)
            self._waiting += batch.records
            self._take_in(_TAKE)

    def _take_in(self, least: int) -> None:
        # What is in the journal into the state, in portions, while at least so many wait.
        while len(self._waiting) >= least:
            portion, self._waiting = self._waiting[:_TAKE], self._waiting[_TAKE:]
            self._due |= self._intake.take(portion)
            self._watch.note(portion)

    def _synced(self) -> bool:
        # While the disk is full nothing is acknowledged and nothing more is taken.
        full = False
        while True:
            try:
                self._journal.sync()
            except OSError as err:
                if err.errno not in _NO_ROOM:
                    raise
                self._no_room(err, told=full)
                full = True
                if self._stop.is_set():
                    return False
            else:
                self._room_again(full)
                return True

    def _room_again(self, was_full: bool) -> None:
        if was_full:
            self._state.totals["disk_full"] += 1
            log.warning("%s: there is room again", self._config.data_dir)

    def _no_room(self, err: Exception, *, told: bool) -> None:
        if not told:
            log.error(
                "%s: %s; nothing is acknowledged until there is room, make some",
                self._config.data_dir,
                err,
            )
        self._broker.rest(_RETRY_S)

    def _tell_nodes(self) -> None:
        now = time.monotonic()
        if now < self._ack_at:
            return
        self._take_in(1)
        self._ack_at = now + _ACK_EVERY_S
        if not self._due or not self._broker.connected:
            return
        now_ms, started_s = time.time_ns() // 1_000_000, time.thread_time()
        for key in list(self._due):
            site, device, boot = key
            sequences = self._state.sequences[key]
            ack = sequences.ack(boot, now_ms)
            if not self._broker.publish(topics.build(site, device, "ack"), encode_ack(ack)):
                return
            sequences.arrived = None
            self._due.remove(key)
        spent_s = time.thread_time() - started_s
        self._ack_at = now + min(max(_ACK_EVERY_S, spent_s / _ACK_PART), _ACK_LATEST_S)

    def _replay(self, *, saves: bool = True) -> None:
        # Saved on the way, so that a crash in a long replay does not begin it anew.
        count, self._checkpoint_at = 0, time.monotonic() + self._config.checkpoint_s
        records = self._journal.replay(self._store.position)
        while batch := list(islice(records, _TAKE)):
            count += len(batch)
            self._due |= self._intake.take(batch)
            if saves and time.monotonic() >= self._checkpoint_at:
                self._count_damage()
                if not self._saved_at(self._journal.replayed):
                    self._load()
                    self._replay(saves=False)
                    return
        if count or self._journal.cut_bytes:
            log.info(
                "read %d messages of the journal again, cut %d bytes never acknowledged",
                count,
                self._journal.cut_bytes,
            )
        self._count_damage()

    def _count_damage(self) -> None:
        for name in ("cut_bytes", "damaged_bytes"):
            if found := getattr(self._journal, name):
                self._state.totals["journal_" + name] += found
        self._journal.cut_bytes = self._journal.damaged_bytes = 0

    def _saved_at(self, position: Position) -> bool:
        # Whether there was room to save a replay as far as it has come.
        started = time.monotonic()
        try:
            self._store.checkpoint(self._state, position)
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode & 0xFF not in _NO_ROOM_SQLITE:
                raise
            return False
        self._pause_checkpoints(time.monotonic() - started)
        return True

    def _checkpoint(self, *, flush: bool = False) -> None:
        started, full = time.monotonic(), False
        while True:
            try:
                self._save(flush=flush)
            except sqlite3.OperationalError as err:
                if err.sqlite_errorcode & 0xFF not in _NO_ROOM_SQLITE or self._stop.is_set():
                    raise
                self._no_room(err, told=full)
                full = True
                # What was being saved is half changed in memory: as after a crash, from the disk.
                self._load()
                self._replay(saves=False)
            else:
                self._room_again(full)
                break
        self._pause_checkpoints(time.monotonic() - started)

    def _pause_checkpoints(self, spent_s: float) -> None:
        # On a crowded machine spent time is mostly waiting, so the pause has an end.
        pause_s = max(self._config.checkpoint_s, min(spent_s / _CHECKPOINT_PART, _LATEST_S))
        self._checkpoint_at = time.monotonic() + pause_s

    def _save(self, *, flush: bool) -> None:
        self._take_in(1)
        position = self._journal.position
        asked = self._store.asked_again()
        self._due |= self._intake.again(asked)
        self._share()
        if flush or asked or position != self._saved or not self._complete:
            self._complete = self._store.checkpoint(
                self._state, position, flush=flush, copy=bool(asked)
            )
            self._saved = position
            self._journal.drop_before(self._store.kept_from)

    def _share(self) -> None:
        # Whoever else wants to know: the watch, Home Assistant, Sparkplug nodes.
        if not self._broker.connected:  # it is what the journal had
            return
        now_ms = time.time_ns() // 1_000_000
        self._watch.hear(self._state.heard(), now_ms)
        self._state.settle()
        self._home.tell(self._state.changed())
        for group, edge in list(self._state.rebirths):
            if self._broker.publish(*sparkplug.rebirth(group, edge, now_ms)):
                self._state.rebirths.remove((group, edge))

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        return self._broker.publish(topic, payload, retain=retain)

    def _journal_is_long(self) -> bool:
        config = self._config.journal
        segments = self._journal.position.segment - self._saved.segment
        return segments * config.segment_mb >= config.max_mb

    def _drain(self) -> bool:
        if not self._config.backend.url:
            return False
        self._forwarder.drained.clear()
        return self._forwarder.drained.wait(self._config.backend.drain_s)
