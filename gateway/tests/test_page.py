"""The page, the metrics and the JSON over real HTTP; the page in a real Chromium."""

import http.client
import json
import select
import socket
import time
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from prometheus_client.parser import text_string_to_metric_families

from cobenefit_gateway import page as page_module
from cobenefit_gateway.alarms import Alarms
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.page import Page
from cobenefit_hil.services import free_port
from cobenefit_wire import messages

START_MS = 1_600_041_600_000
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def served(pipeline, monkeypatch):
    gateway = pipeline(f"[http]\nport = {free_port()}\n[[node]]\ndevice = 'd'\nsilent_s = 60\n")
    gateway.take(gateway.pack(0, START_MS, [1, 2]), health(gateway))
    gateway.checkpoint()
    now_ms = time.time_ns() // 1_000_000
    ledger = Ledger(gateway.config.data_dir)
    ledger.heard({"s": {"d": now_ms - 3_600_000}})
    ledger.save_vitals({"connected_ms": now_ms - 1000, "version": "1"}, now_ms)
    book = Alarms(ledger, 300)
    book.update({
        ("page_refused", "", ""): {"pages": 1, "error": HOSTILE},
        ("node_silent", "s", "d"): {"hours": 1},
    }, now_ms)  # fmt: skip
    book.acknowledge(2, now_ms)
    ledger.close()
    page = Page(gateway.config)
    page.start()
    page.url = f"http://127.0.0.1:{page.port}"
    yield page
    page.stop()


def health(gateway):
    from cobenefit_gateway.journal import Record

    body = messages.Health(1, 9, 1, 2, "profile", 3, 4, 5, 6, 3100, 7, None,
                           [[1, 0, [["voltage_v", 4]]]], 0, 0, 0, 0, [], 0)  # fmt: skip
    return Record("cb/v1/s/d/health", messages.encode(body), START_MS)


def get(served, path, **headers):
    request = urllib.request.Request(served.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.headers, err.read().decode()


def test_the_answer_first_in_the_browsers_language_and_nothing_unescaped(served):
    status, headers, body = get(served, "/", **{"Accept-Language": "de, fr-FR;q=0.8, en;q=0.5"})
    assert status == 200
    assert (
        "<h1>La passerelle fonctionne. Alertes ouvertes : 2. Capteurs en retard ou muets : 1"
        in body
    )
    assert HOSTILE not in body
    assert "&lt;script&gt;" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "The gateway is running" in get(served, "/?lang=en")[2]
    assert "3100 mV" in body


def test_prometheus_reads_it(served):
    _, headers, body = get(served, "/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name.removeprefix("cobenefit_gateway_"), *sorted(sample.labels.values())):
        sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }  # fmt: skip
    assert found["readings_total",] == 2
    assert found["messages_total",] == 2
    assert found["devices", "silent"] == 1
    assert found["alarms", "critical"] == 1
    assert found["broker_connected",] == 1
    assert found["device_battery_volts", "d", "s"] == 3.1
    assert found["device_lost_readings_total", "d", "s"] == 4
    assert found["disk_free_bytes",] > 0


def test_json_for_programs_and_health_for_supervisors(served):
    body = json.loads(get(served, "/status.json")[2])
    assert body["devices"][0]["state"] == "silent"
    assert body["alarms"][0]["code"] == "page_refused"
    assert get(served, "/healthz")[::2] == (200, "ok\n")
    assert get(served, "/etc/passwd")[0] == 404
    assert get(served, "/", Host="evil.example")[0] == 403
    assert get(served, "/", Host=f"localhost:{served.port}")[0] == 200


def test_nothing_can_be_written_and_rubbish_does_no_harm(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("POST", "/", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as raw:
        raw.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        raw.recv(1000)
    assert get(served, "/healthz")[0] == 200


def test_more_than_a_few_at_once_are_turned_away_and_the_page_recovers(served, monkeypatch):
    monkeypatch.setattr(page_module._Handler, "timeout", 90)  # those that are served stay
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
    ended, until = [], time.monotonic() + 60
    while len(ended) < 12 and time.monotonic() < until:
        ended = select.select(held, [], [], 0.2)[0]
    assert len(ended) == 12  # eight have room
    for one in held:
        one.close()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if get(served, "/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the page did not recover")


def test_a_port_that_is_taken_costs_only_the_page(served, caplog):
    second = Page(served._config)
    second.start()
    assert "no status page" in caplog.text
    assert second.port == 0
    second.stop()
    assert get(served, "/healthz")[0] == 200


@pytest.fixture
def browser(served, program):
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


@pytest.mark.browser
def test_axe_finds_nothing_on_paper_and_in_the_dark_in_both_languages(browser, served):
    for scheme, language in (("light", "en"), ("dark", "fr")):
        page = browser.new_page(color_scheme=scheme, bypass_csp=True)
        page.goto(f"{served.url}/?lang={language}")
        result = Axe().run(page)
        assert result.violations_count == 0, result.generate_report()
        page.close()


@pytest.mark.browser
def test_a_telephone_never_scrolls_sideways_and_no_policy_is_broken(browser, served):
    page = browser.new_page(java_script_enabled=True, viewport={"width": 320, "height": 640})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(served.url)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "896px"  # the style holds
    assert [text for text in said if "favicon" not in text and "404" not in text] == []


def test_the_policy_names_the_style_that_is_sent():
    assert "sha256-" in page_module._POLICY
