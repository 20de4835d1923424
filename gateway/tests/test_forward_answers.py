"""What each answer of a backend leads to, and what the operator reads."""

import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from cobenefit_gateway import forward
from cobenefit_gateway.errors import BackendError
from cobenefit_gateway.forward import Forwarder
from cobenefit_gateway.spool import Spool

START_MS = 1_600_041_600_000
DAY_MS = 86_400_000


class Backend:
    """Answers with what `say` returns for a request body: status, headers."""

    def __init__(self, say):
        self.numbers = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = say(body)
                backend.numbers.append((status, len(body), body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"no")

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def backend():
    made = []

    def make(say):
        made.append(Backend(say))
        return made[-1]

    yield make
    for one in made:
        one.close()


def filled(pipeline, url, days=1, per_page=3, more=""):
    gateway = pipeline(f'[backend]\nurl = "{url}"\n{more}')
    for i in range(days):
        packs = [
            gateway.pack(
                per_page * i + k, START_MS + i * DAY_MS, [10 * i], f"energy_import_wh_{k}"
            )
            for k in range(per_page)
        ]
        gateway.take(*packs)
        gateway.checkpoint(flush=True)
    return gateway


def step(gateway, times=1):
    """As the thread does, without its waits; returns the forwarder and its last wait."""
    forwarder = Forwarder(gateway.config, "key")
    spool = Spool(gateway.config.data_dir / "gateway.db")
    with httpx.Client(base_url=gateway.config.backend.url, timeout=60) as http:
        for _ in range(times):
            wait_s = forwarder._once(http, spool, 0.0)
    counts = spool.counts()
    spool.close()
    return forwarder, wait_s, counts


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "COBENEFIT_GATEWAY_KEY"), (403, "another tenant"), (404, "url")]
)
def test_a_refused_key_or_address_keeps_everything_and_says_what_to_do(
    pipeline, backend, caplog, status, advice
):
    gateway = filled(pipeline, backend(lambda _: (status, {})).url)
    forwarder, wait_s, counts = step(gateway)
    assert counts == (1, 0)
    assert advice in caplog.text
    assert forwarder.live["backend_status"] == status
    assert wait_s > 40 if status != 404 else wait_s < 1


@pytest.mark.parametrize("status", [409, 422])
def test_a_page_refused_for_good_is_parked_and_can_be_sent_again(
    pipeline, backend, caplog, status
):
    gateway = filled(pipeline, backend(lambda _: (status, {})).url)
    assert step(gateway)[2] == (0, 1)
    assert f"refused page 1: {status}" in caplog.text
    spool = Spool(gateway.config.data_dir / "gateway.db")
    assert spool.unpark() == 1
    assert spool.counts() == (1, 0)
    spool.close()


def test_a_page_that_is_too_large_is_halved_until_it_fits(pipeline, backend):
    import json

    def say(body):
        return (413 if len(json.loads(body)["rollups"]["series_id"]) > 2 else 202), {}

    server = backend(say)
    gateway = filled(pipeline, server.url, per_page=7)
    assert step(gateway, times=12)[2] == (0, 0)
    taken = [json.loads(body) for status, _, body in server.numbers if status == 202]
    pages = [one["rollups"] for one in taken if "page" in one]
    channels = [page["series"][i][2] for page in pages for i in page["series_id"]]
    assert sorted(channels) == [f"energy_import_wh_{k}" for k in range(7)]
    assert len({one["page"] for one in taken if "page" in one}) == len(pages)


def test_a_single_window_that_is_too_large_is_parked(pipeline, backend):
    gateway = filled(pipeline, backend(lambda _: (413, {})).url, per_page=1)
    assert step(gateway)[2] == (0, 1)


@pytest.mark.parametrize(("advice", "low", "high"), [("7", 5, 7), ("soon", 0.3, 0.5)])
def test_a_busy_backend_says_when_to_come_back(pipeline, backend, advice, low, high):
    gateway = filled(pipeline, backend(lambda _: (503, {"Retry-After": advice})).url)
    _, wait_s, counts = step(gateway)
    assert low <= wait_s <= high
    assert counts == (1, 0)


def test_the_newest_page_goes_first_and_the_backlog_still_moves(pipeline, backend):
    import json

    server = backend(lambda _: (202, {}))
    gateway = filled(pipeline, server.url, days=8, per_page=1)
    step(gateway, times=8)
    order = [json.loads(body).get("page") for _, _, body in server.numbers]
    assert order == [8, 7, 6, 1, 5, 4, 3, 2]


def test_the_clocks_are_compared(pipeline, backend):
    gateway = filled(pipeline, backend(lambda _: (202, {"Date": "x"})).url)
    forwarder, _, _ = step(gateway)
    assert abs(forwarder.live["backend_skew_ms"]) < 10_000
    wrong = httpx.Response(202, headers={"Date": "Tue, 01 Jan 2030 00:00:00 GMT"})
    assert forward._skew_ms(wrong) < -60_000
    assert forward._skew_ms(httpx.Response(202, headers={"Date": "rubbish"})) == 0


def test_what_the_gateway_keeps_for_itself_is_not_sent(pipeline, backend):
    import json

    from cobenefit_gateway.journal import Record
    from cobenefit_wire import messages

    server = backend(lambda _: (202, {}))
    gateway = filled(pipeline, server.url, days=0)
    body = messages.Health(
        1, 9, 1, 2, "profile", 3, 4, 5, 6, None, 7, START_MS, [], 0, 0, 0, 0, [], 0
    )
    gateway.take(Record("cb/v1/s/d/health", messages.encode(body), START_MS + 500))
    gateway.checkpoint()
    assert gateway.state.health["s", "d", 1]["skew_ms"] == -500
    step(gateway)
    (row,) = json.loads(server.numbers[0][2])["rows"]
    assert not {"received_ms", "skew_ms", "clock_known"} & set(row)


def test_rows_go_in_parts_and_refused_ones_are_counted(pipeline, backend, monkeypatch):
    from cobenefit_gateway.ledger import Ledger

    monkeypatch.setattr(forward, "_ROWS_AT_ONCE", 2)
    server = backend(lambda _: (422, {}))
    gateway = filled(pipeline, server.url, days=0)
    for i in range(5):
        gateway.take(gateway.pack(i, START_MS, [1], f"unknown_{i}"))
    gateway.checkpoint()
    step(gateway)
    assert len(server.numbers) == 3
    ledger = Ledger(gateway.config.data_dir)
    assert ledger.totals() == {"quarantine_rows_refused": 5}
    ledger.close()


def test_a_spool_capped_small_defers_and_what_grows_too_old_is_counted(pipeline):
    gateway = pipeline('[backend]\nurl = "http://127.0.0.1:9"\nmax_pages = 2\n'
                       "[windows]\nreopen_days = 1\n")  # fmt: skip
    for i in range(10):
        gateway.take(gateway.pack(i, START_MS + i * DAY_MS, [10 * i]))
        gateway.checkpoint()
    with sqlite3.connect(gateway.config.data_dir / "gateway.db") as db:
        pages, due = db.execute(
            "SELECT (SELECT count(*) FROM pages), (SELECT count(*) FROM windows WHERE state = 1)"
        ).fetchone()
    db.close()
    totals = gateway.state.totals
    assert pages == 2
    assert totals["pages_deferred"] > 0
    # Nine days are closed: two in pages, some wait, the others were dropped and counted.
    assert pages + due + totals["windows_dropped"] == 9
    assert totals["windows_dropped"] > 0


def test_an_error_names_the_address(pipeline):
    gateway = filled(pipeline, "http://127.0.0.1:9")
    forwarder, _, _ = step(gateway)
    assert "127.0.0.1:9" in forwarder.live["backend_error"]
    assert forwarder.live["backend_down_ms"] <= time.time_ns() // 1_000_000
    assert BackendError("u", "t", 1, 2.0).wait_s == 2.0
