"""A real HTTP receiver that keeps the ingest contract, and real processes around it."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import settings

from cobenefit_gateway import config
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Position, Record
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.spool import Spool
from cobenefit_gateway.store import Store
from cobenefit_wire.pack import Pack, encode

# An example takes as long as the machine is busy; in CI Hypothesis has such a profile itself.
settings.register_profile("busy", settings.default, deadline=None)
settings.load_profile("busy")

#: 2023-11-14; every test lives on this day.
NOW_MS = 1_700_000_000_000


class Receiver:
    """The backend's side of docs/reference/contracts.md section 3, in memory."""

    def __init__(self):
        self.pages, self.rollups, self.quarantine, self.health = {}, {}, {}, {}
        self.requests = 0
        self.repeats = 0
        self.fail = lambda n: None  # returns a status to answer with, or None
        self.refuse_page = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(self.path, body)
                text = b'{"title":"no"}' if status != 202 else b"{}"
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                return

        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a killed client is not an error here
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def take(self, path, raw):
        with self.lock:
            self.requests += 1
            failing = self.fail(self.requests)
            if failing == 503:
                return 503
            status = getattr(self, "take_" + path.removeprefix("/v1/"))(raw)
            return failing or status

    def take_rollups(self, raw):
        body = json.loads(raw)
        sent = raw[re.search(rb'"rollups":', raw).end() : -1]
        assert hashlib.sha256(sent).hexdigest() == body["sha256"]
        if body["page"] == self.refuse_page:
            return 409
        key = body["spool"], body["page"]
        if key in self.pages:
            self.repeats += 1
            return 202 if self.pages[key] == body["sha256"] else 409
        self.pages[key] = body["sha256"]
        columns = body["rollups"]
        names = [k for k in columns if k not in ("tenant", "series", "series_id")]
        assert {len(columns[k]) for k in names} == {len(columns["series_id"])}
        for i, series in enumerate(columns["series_id"]):
            row = {k: columns[k][i] for k in names}
            place = (*columns["series"][series], row["start_ms"], row["length_s"])
            old = self.rollups.get(place)
            assert old is None or old["revision"] < row["revision"]
            self.rollups[place] = row
        return 202

    def take_quarantine(self, raw):
        for row in json.loads(raw)["rows"]:
            key = row["site"], row["device"], row["channel"], row["reason"]
            old = self.quarantine.get(key)
            if old is None or row["revision"] > old["revision"]:
                self.quarantine[key] = row
        return 202

    def take_health(self, raw):
        for row in json.loads(raw)["rows"]:
            self.health[row["site"], row["device"], row["boot"]] = row
        return 202

    def stored(self, device, channel):
        return sum(
            r["count"] for k, r in self.rollups.items() if k[1] == device and k[2] == channel
        )

    def refused(self, device, channel, what="readings"):
        return sum(
            r[what] for k, r in self.quarantine.items() if k[1] == device and k[2] == channel
        )

    def lost(self, device, channel):
        return sum(r["lost"].get(channel, 0) for k, r in self.health.items() if k[1] == device)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook():
    """A webhook's receiver: fails `fail` times, then keeps what it gets."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.tries += 1
            status = 503 if server.tries <= server.fail else 204
            if status == 204:
                server.got.append((self.headers.get("Authorization"), json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.fail, server.tries = [], 0, 0
    server.url = f"http://127.0.0.1:{server.server_port}/hooks/token-in-path"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Pipeline:
    """Journal records in, rollups out: everything between the two networks, really on disk."""

    def __init__(self, folder, text=""):
        self.file = folder / "gateway.toml"
        self.file.write_text('tenant = "t"\n' + text)
        self.config = config.load(self.file)
        self.number = 0
        self.reload()

    def reload(self):
        """As after a crash: from what the last checkpoint saved."""
        if self.number:
            self.store.close()
        self.store = Store(self.config)
        self.state = self.store.load()
        self.intake = Intake(
            self.config, self.state, Readings(self.config, self.state, self.store.window)
        )

    def take(self, *records):
        return self.intake.take(records)

    def pack(self, seq, t_ms, values, channel="energy_import_wh", **more):
        unit = {"energy_import_wh": "Wh", "power_active_w": "W", "vehicle_speed_km_h": "km/h"}
        fields = {
            "boot": 1,
            "seq": seq,
            "flags": 0,
            "t_ms": t_ms,
            "unit": unit.get(channel, "Wh"),
            "exponent": 0,
            "period_ms": 600_000,
            "deltas_ms": (),
            "values": values,
            "quality": b"",
        }
        payload = encode(Pack(**{**fields, **more}))
        return Record(f"cb/v1/s/d/up/{channel}", payload, NOW_MS)

    def checkpoint(self, *, flush=False):
        self.number += 1
        self.store.checkpoint(self.state, Position(1, self.number), flush=flush)

    def pages(self):
        spool = Spool(self.config.data_dir / "gateway.db")
        pages = []
        while (page := spool.next_page()) is not None:
            pages.append(json.loads(page.rollups))
            spool.delete(page.number)
        spool.close()
        return pages

    def rows(self):
        """Rows of all pages by (channel, start_ms, length_s); the highest revision replaces."""
        rows = {}
        for page in self.pages():
            for i, series in enumerate(page["series_id"]):
                row = {k: v[i] for k, v in page.items() if k not in ("tenant", "series")}
                key = page["series"][series][2], row["start_ms"], row["length_s"]
                if key not in rows or rows[key]["revision"] < row["revision"]:
                    rows[key] = row
        return rows

    def refused(self):
        return {
            (*key[1:3], key[3]): (row.readings, row.packs)
            for key, row in self.state.quarantine.items()
        }


@pytest.fixture
def pipeline(tmp_path):
    made = []

    def make(text=""):
        made.append(Pipeline(tmp_path, text))
        return made[-1]

    yield make
    for one in made:
        one.store.close()
