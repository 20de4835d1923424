"""Send pages, quarantine totals and health to the backend; in a thread of its own.

The newest page goes first (`spool.next_page`). What the backend answers decides:

* 202: it has the page on disk, so the page is deleted here;
* 409 or 422: it will never take this page, so the page is parked with what it said (an alarm),
  and the next goes on;
* 413: too large, for the backend or for a proxy before it: the page is halved;
* 401 or 403: the key is wrong; nothing is lost, everything waits (an alarm);
* anything else, or nothing: wait, longer each time, or as long as `Retry-After` says.

It never slows the intake down.
"""

import logging
import random
import sqlite3
import time
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any

import httpx
import msgspec

from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import BackendError
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.spool import Page, Spool

log = logging.getLogger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S, _IDLE_S = 0.5, 60.0, 0.25
_REFUSED = (409, 422)
_TOO_LARGE = 413
_KEY_REFUSED = (401, 403)
_ADVICE = {
    401: "; set COBENEFIT_GATEWAY_KEY to a key of this backend and restart",
    403: "; the key is another tenant's: see `tenant` and COBENEFIT_GATEWAY_KEY",
    404: "; is backend.url right?",
}
#: Rows of quarantine or health in one request. [1]
_ROWS_AT_ONCE = 1000
_LONGEST_ADVISED_S = 3600.0


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
        #: What the backend last said, for the watch: replaced whole, never changed.
        self.live: dict[str, Any] = {}

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
            self._note(err)
            wait_s = min(max(waited_s * 2, _FIRST_WAIT_S), _LONGEST_WAIT_S)
            if isinstance(err, BackendError) and err.wait_s:
                wait_s = err.wait_s
            log.warning("forwarding waits %.1f s: %s", wait_s, err)
            return wait_s * random.uniform(0.75, 1.0)  # noqa: S311
        if not sent:
            self.drained.set()
        return 0.0 if sent else _IDLE_S

    def _page(self, http: httpx.Client, spool: Spool, page: Page) -> None:
        head = f'{{"spool":"{spool.uuid}","page":{page.number},"sha256":"{page.sha256}","rollups":'
        answer = self._post(http, "/v1/rollups", head.encode() + page.rollups + b"}")
        status = answer.status_code
        if status == _TOO_LARGE and spool.split(page.number):
            log.info("page %d is too large for the backend: halved", page.number)
        elif status in _REFUSED or status == _TOO_LARGE:
            spool.park(page.number, f"{status} {answer.text}")
            log.error("backend refused page %d: %d %s", page.number, status, answer.text[:200])
        else:
            spool.delete(page.number)

    def _rows(self, http: httpx.Client, spool: Spool, table: str) -> int:
        mark, rows = spool.unsent(table)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            body = msgspec.json.encode({"tenant": self._config.tenant, "rows": part})
            answer = self._post(http, f"/v1/{table}", body)
            if answer.status_code != 202:
                log.error("backend refused %s rows: %s", table, answer.text[:200])
                ledger = Ledger(self._config.data_dir)
                ledger.count(f"{table}_rows_refused", len(part))
                ledger.close()
        if rows:
            spool.confirm(table, mark)
        return len(rows)

    def _post(self, http: httpx.Client, path: str, body: bytes) -> httpx.Response:
        url = self._config.backend.url + path
        try:
            answer = http.post(path, content=body)
        except httpx.HTTPError as err:
            raise BackendError(url, f"{type(err).__name__}: {err}") from err
        status = answer.status_code
        if status != 202 and status not in (*_REFUSED, _TOO_LARGE):
            text = f"answered {status} {answer.text[:200]}{_ADVICE.get(status, '')}"
            wait_s = _LONGEST_WAIT_S if status in _KEY_REFUSED else _advised_s(answer)
            raise BackendError(url, text, status, wait_s)
        self.live = {"backend_ok_ms": _now_ms(), "backend_skew_ms": _skew_ms(answer)}
        return answer

    def _note(self, err: Exception) -> None:
        self.live = {
            "backend_ok_ms": self.live.get("backend_ok_ms"),
            "backend_down_ms": self.live.get("backend_down_ms") or _now_ms(),
            "backend_status": getattr(err, "status", 0),
            "backend_error": str(err)[:200],
        }


def _advised_s(answer: httpx.Response) -> float:
    # RFC 9110 section 10.2.3: Retry-After in seconds; a date is taken for no advice.
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_ADVISED_S) if text.isdecimal() else 0.0


def _skew_ms(answer: httpx.Response) -> int:
    # How far our clock is ahead of the backend's; its Date header has whole seconds.
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return 0
    return _now_ms() - round(theirs.timestamp() * 1000)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
