"""A receiver on loopback that can be down, slow or unwilling; a dispatcher without patience."""

import contextlib
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from cobenefit_backend.webhooks.dispatch import Dispatcher
from cobenefit_backend.webhooks.events import EVENTS, state
from cobenefit_backend.webhooks.sign import secret_of
from cobenefit_backend.webhooks.stored import Webhooks

KEY = "a key of the server with 32 characters or more"


class Receiver:
    """Answers as it is told; verifies with the library of the specification's authors."""

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.answer, self.headers, self.delay_s, self.trickle = 204, {}, 0.0, False
        self.got: list[tuple[dict, bytes]] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                """Say nothing."""

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                receiver.released.wait(receiver.delay_s)
                with contextlib.suppress(OSError):  # the sender may have hung up
                    if receiver.trickle:
                        self.wfile.write(b"HTTP/1.1 204 No Content\r\n")
                        while not receiver.released.wait(0.05):
                            self.wfile.write(b"X: y\r\n")
                        return
                    self.send_response(receiver.answer)
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        return Handler

    def events(self, webhook: str) -> list[dict]:
        """What arrived, each verified with the secret of a webhook."""
        verifier = Webhook(secret_of(KEY, webhook))
        return [verifier.verify(body, headers) for headers, body in self.got]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def receive():
    """Start a receiver; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def started(**options) -> Receiver:
            made = Receiver(**options)
            stack.callback(made.close)
            return made

        yield started


@pytest.fixture
def hooks(store):
    return Webhooks(store.database)


@pytest.fixture
def hook(store, hooks):
    """Make a webhook of `demo` for every event."""

    def made(url: str, tenant: str = "demo", events=EVENTS) -> str:
        now_ms = time.time_ns() // 1_000_000
        return hooks.create(tenant, url, events, state(store, tenant), now_ms=now_ms, by="test")

    return made


@pytest.fixture
def dispatcher(store):
    """A dispatcher that may reach loopback and tries again at once."""

    def made(**options) -> Dispatcher:
        return Dispatcher(
            store, KEY, **{"private": True, "retry_s": (0, 0), "timeout_s": 20, **options}
        )

    return made
