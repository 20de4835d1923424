"""The watch: a thread beside the intake that looks at the whole, raises alarms, serves the page.

It reads what the checkpoints saved and never holds up the intake: the intake only leaves a note of
whom it heard, the forwarder of what the backend said. Everything here may fail without costing a
reading.
"""

import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock, Thread
from typing import Any

from cobenefit_gateway.alarms import Alarms
from cobenefit_gateway.certificates import expiries
from cobenefit_gateway.conditions import View, counters, judge, noteworthy
from cobenefit_gateway.config import Config
from cobenefit_gateway.floods import Floods
from cobenefit_gateway.journal import Record
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.notify import Notifier, ways, worth_telling
from cobenefit_gateway.overview import Overview, read
from cobenefit_gateway.page import Page
from cobenefit_gateway.schema import transaction
from cobenefit_gateway.sleepers import announced

log = logging.getLogger(__name__)
#: One look at the whole in this time, or in twenty times what a look takes. [s]
EVERY_S = 10.0
_SHARE = 20.0
_CERTIFICATES_S = 3600.0

Live = Callable[[], dict[str, Any]]


class Watch:
    """Looks, alarms, tells and shows, until stopped.

    Parameters
    ----------
    config : Config
        Whom to tell and where to listen.
    live : callable
        Returns what only the running process knows, as plain JSON.
    mail_password : str
        '' for none.
    webhook_key : str
        '' for none.
    """

    def __init__(
        self, config: Config, live: Live, mail_password: str = "", webhook_key: str = ""
    ) -> None:
        self._config = config
        self._live = live
        self._heard: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._asleep: dict[tuple[str, str], int] = {}
        self.floods = Floods(config)
        self._lock = Lock()
        self._stop = Event()
        self._certificates: dict[str, int | None] = {}
        self._certificates_at = 0.0
        self._ways = ways(config, mail_password, webhook_key)
        self._notifier = Notifier(config, self._ways)
        self._threads = [Thread(target=self._run, name="watch")]
        if self._ways:
            tell = Thread(target=self._notifier.run, args=(self._stop,), name="notify")
            self._threads.append(tell)
        self._page = Page(config) if config.http.port else None

    def hear(self, places: Iterable[tuple[str, str]], now_ms: int) -> None:
        """Note whom the intake has just heard; cheap, called at each checkpoint.

        Parameters
        ----------
        places : iterable of (site, device)
            Whose messages were taken.
        now_ms : int
            Gateway time. [Unix ms]
        """
        with self._lock:
            for site, device in places:
                self._heard[site][device] = now_ms

    def note(self, records: Sequence[Record]) -> None:
        """Note what the intake takes: how much of whom, and who goes to sleep."""
        self.floods.count([record.topic for record in records])
        if asleep := announced(records):
            with self._lock:
                self._asleep.update(asleep)

    def start(self) -> None:
        """Begin; a page that finds its port taken is logged and left out."""
        if self._page is not None:
            self._page.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Look once more, save, and end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._page is not None:
            self._page.stop()

    def _run(self) -> None:
        ledger = Ledger(self._config.data_dir)
        alarms = Alarms(ledger, self._config.alarms.clear_s)
        wait_s = 0.0
        ending = False
        while not ending:
            ending = self._stop.wait(wait_s)
            started = time.monotonic()
            try:
                self.look(ledger, alarms, time.time_ns() // 1_000_000)
            except (sqlite3.Error, OSError) as err:
                log.warning("the watch could not look: %s", err)
            wait_s = max(EVERY_S, _SHARE * (time.monotonic() - started))
        ledger.close()

    def look(self, ledger: Ledger, alarms: Alarms, now_ms: int) -> Overview:
        """Look once: save what is known, judge it, queue what is to be told.

        Parameters
        ----------
        ledger : Ledger
            The operator's database.
        alarms : Alarms
            The book in it.
        now_ms : int
            Gateway time. [Unix ms]

        Returns
        -------
        Overview
            What was seen; of the devices only those there may be something to say about.
        """
        with self._lock:
            heard, self._heard = self._heard, defaultdict(dict)
            asleep, self._asleep = self._asleep, {}
        live = self._live() | {"delivery_errors": dict(self._notifier.errors)}
        with transaction(ledger.db):
            ledger.heard(heard)
            ledger.asleep(asleep)
            ledger.save_vitals(live, now_ms)
        overview = read(self._config, ledger, now_ms, noteworthy)
        with transaction(ledger.db):
            grew_ms = ledger.grew(counters(overview), now_ms)
            is_open = {alarm.cause for alarm in alarms.open()}
            floods = self.floods.look(now_ms / 1000)
            view = View(self._config, overview, is_open, grew_ms, self._expiries(), floods)
            self._tell(alarms, alarms.update(judge(view), now_ms))
        return overview

    def _tell(self, alarms: Alarms, events: list[tuple[int, str]]) -> None:
        worth = []
        for number, event in events:
            alarm = alarms.get(number)
            if alarm is not None:
                log.warning("alarm %d %s: %s %s", number, event, alarm.code, alarm.place)
                if worth_telling(self._config, alarm):
                    worth.append((number, event))
        for way in self._ways:
            alarms.queue(way.name, worth)

    def _expiries(self) -> dict[str, int | None]:
        now = time.monotonic()
        if now >= self._certificates_at:
            broker = self._config.broker
            own = [path for path in (broker.tls_ca, broker.tls_cert) if path]
            paths = [*own, *self._config.alarms.certificates]
            self._certificates = expiries(paths, self._config.file.parent)
            self._certificates_at = now + _CERTIFICATES_S
        return self._certificates
