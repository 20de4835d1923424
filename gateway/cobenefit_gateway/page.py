"""The status page and the metrics over HTTP: read-only, loopback unless configured otherwise.

`/` is the page in English or French, `/metrics` is for Prometheus, `/status.json` for programs,
`/healthz` for supervisors (503 while the broker is away). No script, no cookie, no form: there is
nothing to attack but the numbers, and those are only shown to who may reach the port.
"""

import json
import logging
import socket
import sqlite3
import sys
import time
from base64 import b64encode
from dataclasses import asdict
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from cobenefit_gateway import metrics
from cobenefit_gateway.alarms import Alarm, Alarms
from cobenefit_gateway.config import Config
from cobenefit_gateway.config_operate import LANGUAGES
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.overview import Overview, read
from cobenefit_gateway.page_html import STYLE, html

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
_TIMEOUT_S = 5.0
#: Requests served at once; more are turned away. [1]
_AT_ONCE = 8
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)


class Page:
    """An HTTP server of its own.

    Parameters
    ----------
    config : Config
        Where to listen and what to show.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._server: _Server | None = None
        self._thread = Thread(target=self._serve, name="page")

    @property
    def port(self) -> int:
        """The port it listens on, 0 when it does not [-]."""
        return self._server.server_port if self._server else 0

    def start(self) -> None:
        """Listen; a port that is taken is logged, and the gateway works without a page."""
        http = self._config.http
        try:
            self._server = _Server(self._config)
        except OSError as err:
            log.warning("no status page on %s:%d: %s", http.host, http.port, err)
            return
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _serve(self) -> None:
        if self._server is not None:
            self._server.serve_forever(0.1)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, config: Config) -> None:
        self.config = config
        self._room = BoundedSemaphore(_AT_ONCE)
        if ":" in config.http.host:
            self.address_family = socket.AF_INET6
        super().__init__((config.http.host, config.http.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # a browser that went away is no error of ours
        log.info("a request to the status page was cut short: %s", sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "cobenefit", ""
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        """Answer one of the four paths."""
        url = urlsplit(self.path)
        answers: dict[str, Callable[[], tuple[int, str, str]]] = {
            "/": lambda: self._page(url.query),
            "/metrics": self._metrics,
            "/status.json": self._json,
            "/healthz": self._healthz,
        }
        answer = answers.get(url.path)
        if not self._may_ask():
            self._send(403, "text/plain", "ask by the address this page listens on\n")
        elif answer is None:
            self._send(404, "text/plain", "there are /, /metrics, /status.json and /healthz\n")
        else:
            try:
                self._send(*answer())
            except (sqlite3.Error, OSError) as err:
                self._send(503, "text/plain", f"not now: {type(err).__name__}\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log through `logging`."""
        log.debug(format, *args)

    def _may_ask(self) -> bool:
        # On loopback, a foreign name in Host is a web page that had its name point here.
        if self.server.config.http.host not in _LOOPBACK:
            return True
        name = urlsplit("//" + self.headers.get("Host", "localhost")).hostname
        return name in _LOOPBACK

    def _look(self) -> tuple[Overview, list[Alarm]]:
        config = self.server.config
        ledger = Ledger(config.data_dir)
        try:
            overview = read(config, ledger, time.time_ns() // 1_000_000)
            return overview, Alarms(ledger, config.alarms.clear_s).open()
        finally:
            ledger.close()

    def _page(self, query: str) -> tuple[int, str, str]:
        language = parse_qs(query).get("lang", [self._wish()])[0]
        if language not in LANGUAGES:
            language = "en"
        return 200, "text/html; charset=utf-8", html(*self._look(), language)

    def _wish(self) -> str:
        # The first of our languages in the browser's list.
        listed = self.headers.get("Accept-Language", "").lower().split(",")
        wishes = (wish.strip()[:2] for wish in listed)
        return next((w for w in wishes if w in LANGUAGES), self.server.config.alarms.language)

    def _metrics(self) -> tuple[int, str, str]:
        return 200, metrics.CONTENT_TYPE, metrics.exposition(*self._look())

    def _json(self) -> tuple[int, str, str]:
        return 200, "application/json", as_json(*self._look())

    def _healthz(self) -> tuple[int, str, str]:
        overview, _ = self._look()
        well = overview.running and "connected_ms" in overview.live
        return (200, "text/plain", "ok\n") if well else (503, "text/plain", "no broker\n")

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", _POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def as_json(overview: Overview, alarms: list[Alarm]) -> str:
    """Return the overview as JSON: counts and totals at the top, devices and alarms as lists."""
    body = {
        "t_ms": overview.t_ms,
        "tenant": overview.tenant,
        "spool": overview.spool,
        "running": overview.running,
        **overview.totals,
        **overview.counts,
        "journal_bytes": overview.journal_bytes,
        "database_bytes": overview.database_bytes,
        "free_bytes": overview.free_bytes,
        "oldest_page_ms": overview.oldest_page_ms,
        "live": overview.live,
        "devices": [asdict(device) for device in overview.devices],
        "alarms": [asdict(alarm) for alarm in alarms],
    }
    return json.dumps(body)
