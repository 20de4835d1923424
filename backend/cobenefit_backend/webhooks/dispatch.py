"""The dispatcher: looks for events, delivers what is due, tries again later, gives up in the end.

One thread of the server; several servers on one database share the work by claims in the outbox.
"""

import asyncio
import logging
import random
import threading
import time

from cobenefit_backend.database import Row
from cobenefit_backend.store import Store
from cobenefit_backend.webhooks import events, sign
from cobenefit_backend.webhooks.send import TIMEOUT_S, Outcome, send
from cobenefit_backend.webhooks.stored import Webhooks

LOG = logging.getLogger(__name__)
TICK_S = 5.0
WATCH_EVERY = 12
"""Ticks between two looks for events: each type is told at most once a minute."""
AT_ONCE = 16
LEASE_MS = 120_000
RETRY_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits between attempts, as Standard Webhooks 1.0.0 recommends: ten attempts over three days."""
JITTER_RATIO = 0.1


class Dispatcher:
    """Delivers the webhooks of every tenant.

    Parameters
    ----------
    store : Store
        Where data and outbox stand.
    key : str
        The server's own key.
    private : bool
        Whether plain HTTP and addresses of the server's own network are allowed.
    tick_s, timeout_s : float, optional
        Time between two looks into the outbox, and of one attempt. [s]
    retry_s : tuple of float, optional
        Waits between attempts. [s]
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        private: bool = False,
        tick_s: float = TICK_S,
        timeout_s: float = TIMEOUT_S,
        retry_s: tuple[float, ...] = RETRY_S,
    ) -> None:
        self._store = store
        self._webhooks = Webhooks(store.database)
        self._key = key
        self._private = private
        self._tick_s, self._timeout_s, self._retry_s = tick_s, timeout_s, retry_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the attempts under way."""
        self._stop.set()
        self._thread.join(self._timeout_s + 5)

    def _run(self) -> None:
        tick = 0
        while not self._stop.is_set():
            try:
                if tick % WATCH_EVERY == 0:
                    self.watch()
                self.deliver()
            except Exception:
                LOG.exception("webhooks: this round failed; the next one tries again")
            tick += 1
            self._stop.wait(self._tick_s)

    def watch(self) -> None:
        """Queue the events since the last look, for every tenant."""
        for tenant in self._store.database.tenants():
            hooks = self._webhooks.active(tenant)
            changed = self._store.change_number(tenant)
            late = [hook for hook in hooks if hook["seen"]["change"] != changed]
            if not late:
                continue
            now = events.state(self._store, tenant)
            for hook in late:
                found = events.between(hook["seen"], now)
                wanted = [event for event in found if event.type in hook["events"]]
                self._webhooks.told(tenant, hook, now, wanted, now_ms=_now_ms())

    def deliver(self) -> int:
        """Try what is due once, and return how much that was.

        Returns
        -------
        int
            Attempts. [1]
        """
        number = 0
        for tenant in self._store.database.tenants():
            rows = self._webhooks.due(tenant, _now_ms(), AT_ONCE, LEASE_MS)
            if rows:
                outcomes = asyncio.run(self._send_all(rows))
                for row, outcome in zip(rows, outcomes, strict=True):
                    self._note(tenant, row, outcome)
            number += len(rows)
        return number

    async def _send_all(self, rows: list[Row]) -> list[Outcome]:
        return await asyncio.gather(*(self._send(row) for row in rows))

    async def _send(self, row: Row) -> Outcome:
        body = row["body"].encode()
        headers = sign.headers(self._key, row["webhook"], row["id"], int(time.time()), body)
        return await send(
            row["url"], headers, body, private=self._private, timeout_s=self._timeout_s
        )

    def _note(self, tenant: str, row: Row, outcome: Outcome) -> None:
        if outcome.delivered:
            self._webhooks.delivered(tenant, row["id"], row["webhook"])
            return
        tried = row["attempts"]
        if outcome.gone or tried >= len(self._retry_s):
            self._webhooks.failed(tenant, row["id"], outcome.reason, None)
        else:
            jitter = 1 + JITTER_RATIO * random.random()  # noqa: S311  spreads load, guards nothing
            wait_s = max(self._retry_s[tried] * jitter, outcome.wait_s)
            due_ms = _now_ms() + round(wait_s * 1000)
            self._webhooks.failed(tenant, row["id"], outcome.reason, due_ms)
        if outcome.gone:
            self._webhooks.gone(tenant, row["webhook"], outcome.reason)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
