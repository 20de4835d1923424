"""Send pages, quarantine totals and health to the backend; in a thread of its own.

Pages go in order. 202: the backend has it on disk, so it is deleted here. 409 or 422: it will
never take this page, so the page is parked with what it said, counted as an alarm, and the next
goes on. Anything else is a reason to wait, longer each time. It never slows the intake down.
"""

import logging
import random
import sqlite3
from threading import Event

import httpx
import msgspec

from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import BackendError
from cobenefit_gateway.spool import Page, Spool

log = logging.getLogger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S, _IDLE_S = 0.5, 60.0, 0.25
_REFUSED = (409, 422)


class Forwarder:
    """Empties a spool.

    Parameters
    ----------
    config : Config
        Where the backend is.
    key : str
        The gateway key the backend knows us by.
    """

    def __init__(self, config: Config, key: str) -> None:
        self._config = config
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self.drained = Event()

    def run(self, stop: Event) -> None:
        """Send until told to stop.

        Parameters
        ----------
        stop : Event
            Set by the application.
        """
        spool = Spool(self._config.data_dir / "gateway.db")
        timeout_s = self._config.backend.timeout_s
        wait_s = 0.0
        with httpx.Client(
            base_url=self._config.backend.url, headers=self._headers, timeout=timeout_s
        ) as http:
            while not stop.wait(wait_s):
                wait_s = self._once(http, spool, wait_s)
        spool.close()

    def _once(self, http: httpx.Client, spool: Spool, waited_s: float) -> float:
        # Send one page, or the rest when there is none; return how long to wait before the next.
        try:
            page = spool.next_page()
            if page is not None:
                self.drained.clear()
                self._page(http, spool, page)
                return 0.0
            sent = self._rows(http, spool, "quarantine") + self._rows(http, spool, "health")
        except (BackendError, sqlite3.Error) as err:
            wait_s = min(max(waited_s * 2, _FIRST_WAIT_S), _LONGEST_WAIT_S)
            log.warning("forwarding waits %.1f s: %s", wait_s, err)
            return wait_s * random.uniform(0.75, 1.0)  # noqa: S311
        if not sent:
            self.drained.set()
        return 0.0 if sent else _IDLE_S

    def _page(self, http: httpx.Client, spool: Spool, page: Page) -> None:
        head = f'{{"spool":"{spool.uuid}","page":{page.number},"sha256":"{page.sha256}","rollups":'
        answer = self._post(http, "/v1/rollups", head.encode() + page.rollups + b"}")
        if answer.status_code in _REFUSED:
            spool.park(page.number, f"{answer.status_code} {answer.text}")
            log.error("backend refused page %d: %s", page.number, answer.text[:200])
        else:
            spool.delete(page.number)

    def _rows(self, http: httpx.Client, spool: Spool, table: str) -> int:
        mark, rows = spool.unsent(table)
        if rows:
            body = msgspec.json.encode({"tenant": self._config.tenant, "rows": rows})
            answer = self._post(http, f"/v1/{table}", body)
            if answer.status_code in _REFUSED:
                log.error("backend refused %s rows: %s", table, answer.text[:200])
            spool.confirm(table, mark)
        return len(rows)

    def _post(self, http: httpx.Client, path: str, body: bytes) -> httpx.Response:
        url = self._config.backend.url + path
        try:
            answer = http.post(path, content=body)
        except httpx.HTTPError as err:
            raise BackendError(url, f"{type(err).__name__}: {err}") from err
        if answer.status_code != 202 and answer.status_code not in _REFUSED:
            raise BackendError(url, f"answered {answer.status_code} {answer.text[:200]}")
        return answer
