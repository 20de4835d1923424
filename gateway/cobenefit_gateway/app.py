"""The gateway put together: broker -> journal -> intake -> checkpoint -> spool -> backend.

Two threads beside the network's: the intake (this one) and the forwarder. A batch is appended to
the journal and synced; only then is the broker told, is the batch taken into the state, and are
the nodes told. Every `checkpoint_s` the state and the journal position are saved together.

`stop` (SIGTERM, SIGINT) flushes: open windows are closed as they are, a later reading re-opens
them as a revision; everything is saved; the forwarder gets `drain_s` to empty the spool.
"""

import logging
import time
from collections.abc import Iterable
from functools import lru_cache
from threading import Event, Thread
from typing import TYPE_CHECKING

from cobenefit_gateway.acks import encode_ack
from cobenefit_gateway.adapters import sparkplug, subscriptions
from cobenefit_gateway.adapters.homeassistant import Discovery
from cobenefit_gateway.config import Config
from cobenefit_gateway.forward import Forwarder
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Journal, Record
from cobenefit_gateway.lock import FolderLock
from cobenefit_gateway.mqtt import Broker, Message
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.state import Series
from cobenefit_gateway.store import Store
from cobenefit_gateway.vitals import Vitals
from cobenefit_gateway.watch import Watch
from cobenefit_wire import topics

if TYPE_CHECKING:
    from cobenefit_gateway.state import DeviceBoot

log = logging.getLogger(__name__)
#: Acknowledgements of one device within this time go out as one. [s]
_ACK_EVERY_S = 0.1
#: Records taken into the state at once while the journal is read again. [1]
_REPLAY_BATCH = 5000
#: A checkpoint comes early when the journal has grown by this many files. [1]
_MAX_SEGMENTS = 4


@lru_cache(maxsize=100_000)
def _ack_topic(site: str, device: str) -> str:
    return topics.build(site, device, "ack")


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
        self._config = config
        self._lock = FolderLock(config.data_dir)
        self._store = Store(config)
        self._state = self._store.load()
        self._journal = Journal(config.data_dir / "journal", config.journal.segment_mb << 20)
        readings = Readings(config, self._state, self._store.window)
        self._intake = Intake(config, self._state, readings)
        self._broker = Broker(config.broker, broker_password, subscriptions(config))
        self._forwarder = Forwarder(config, backend_key)
        self.vitals = Vitals(self._broker, self._forwarder)
        self._watch = Watch(config, self.vitals, mail_password, webhook_key)
        self._home = Discovery(config, self._publish)
        #: Whether the gateway ended to begin again with another configuration.
        self.begins_again = False
        self._due: set[DeviceBoot] = set()
        self._stop = Event()
        self._saved = self._store.position
        self._complete = False
        self._checkpoint_at = self._ack_at = 0.0

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
            if batch:
                last_message_at = now
                self._commit(batch)
            self._tell_nodes()
            if now >= self._checkpoint_at or self._journal_is_long():
                self._checkpoint()
            if until_idle_s is not None and now - last_message_at >= until_idle_s:
                self.stop()

    def _commit(self, batch: list[Message]) -> None:
        records = [message.record for message in batch]
        for record in records:
            self._journal.append(record)
        self._journal.sync()
        self._broker.acknowledge(batch)
        self._due |= self._intake.take(records)

    def _tell_nodes(self) -> None:
        now = time.monotonic()
        if not self._due or not self._broker.connected or now < self._ack_at:
            return
        now_ms = time.time_ns() // 1_000_000
        for key in list(self._due):
            site, device, boot = key
            sequences = self._state.sequences[key]
            ack = sequences.ack(boot, now_ms)
            if not self._broker.publish(_ack_topic(site, device), encode_ack(ack)):
                return
            sequences.arrived.clear()
            self._due.remove(key)
        self._ack_at = now + _ACK_EVERY_S

    def _replay(self) -> None:
        batch: list[Record] = []
        count = 0
        for record in self._journal.replay(self._store.position):
            batch.append(record)
            count += 1
            if len(batch) == _REPLAY_BATCH:
                self._due |= self._intake.take(batch)
                batch = []
        self._due |= self._intake.take(batch)
        if count or self._journal.cut_bytes:
            log.info(
                "read %d messages of the journal again, cut %d bytes never acknowledged",
                count,
                self._journal.cut_bytes,
            )
        self._checkpoint()

    def _checkpoint(self, *, flush: bool = False) -> None:
        position = self._journal.position
        asked = self._store.asked_again()
        self._due |= self._intake.again(asked)
        self._share(self._state.changes.series)
        if flush or asked or position != self._saved or not self._complete:
            self._complete = self._store.checkpoint(self._state, position, flush=flush)
            self._saved = position
            self._journal.drop_before(position)
        self._checkpoint_at = time.monotonic() + self._config.checkpoint_s

    def _share(self, changed: Iterable[Series]) -> None:
        # Whoever else wants to know: the watch, Home Assistant, Sparkplug nodes.
        now_ms = time.time_ns() // 1_000_000
        if self._broker.connected:  # else it is what the journal had
            self._watch.hear(self._state.changes.places(), now_ms)
            self._home.tell(changed)
        for group, edge in list(self._state.rebirths):
            if self._broker.publish(*sparkplug.rebirth(group, edge, now_ms)):
                self._state.rebirths.remove((group, edge))

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        return self._broker.publish(topic, payload, retain=retain)

    def _journal_is_long(self) -> bool:
        return self._journal.position.segment - self._saved.segment >= _MAX_SEGMENTS

    def _drain(self) -> bool:
        if not self._config.backend.url:
            return False
        self._forwarder.drained.clear()
        return self._forwarder.drained.wait(self._config.backend.drain_s)
