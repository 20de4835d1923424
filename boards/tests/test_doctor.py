"""`cobenefit boards doctor` on real MicroPython behind a serial line, well and not so well."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cobenefit_boards import authority, doctor
from cobenefit_boards.commands import boards as app
from cobenefit_boards.console import ConsoleError

PASSWORD = "correct-horse"


def examine(node):
    """Return findings by name, and the exception."""
    result = CliRunner().invoke(app, ["doctor", str(node.port), "--json"])
    assert isinstance(result.exception, ConsoleError | None), result.exception
    assert PASSWORD not in result.output
    assert PASSWORD not in str(result.exception)
    rows = json.loads(result.stdout) if result.stdout else []
    return {row["what"]: row for row in rows}, result.exception


@pytest.fixture
def node(pty_board, tmp_path, node_config):
    """Return what makes a node with a soil probe: `node(adc=…, cause=…, **configuration)`."""
    (tmp_path / "adc").write_text("30000")
    node_config["broker"] |= {"user": "meter", "password": PASSWORD}
    options = {"dry": [50000, 0], "wet": [20000, 1000]}
    probe = {"driver": "soil_adc", "pin": 1, "period_ms": 60_000, "options": options}
    node_config["sensors"] = [probe]

    def make(adc=True, cause=1, **changes):
        folder = tmp_path / "node"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(node_config | changes))
        (folder / "run").touch()  # busy until it is stopped
        lines = {"COBENEFIT_ADC1": str(tmp_path / "adc")} if adc else {}
        return pty_board(folder, {**lines, "COBENEFIT_RESET_CAUSE": str(cause)})

    return make


def test_a_node_that_is_well_is_left_at_work(node, ack_station, wait_for):
    well = node()
    found, err = examine(well)
    assert err is None, found
    assert {row["state"] for row in found.values()} <= {"ok", "-"}
    assert not any(row["remedy"] for row in found.values())
    assert found["identity"]["value"] == "rig/meter, unix"
    assert found["connection"]["value"] == "up, no TLS"
    assert found["soil_moisture_ratio"]["state"] == "ok"
    wait_for(lambda: well.starts >= 3, "the node")  # power on, soft reset, and at work again


def test_what_is_wrong_is_said_with_what_to_do(node, node_config, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "LINK_S", 1)
    fleet = tmp_path / "fleet"
    authority.create(fleet)
    made = authority.issue(authority.load(fleet), "rig/meter", days=10)
    tls = {"ca": "ca.der", "cert": "cert.der", "key": "key.der", "server_hostname": "localhost"}
    ill = node(cause=3, broker={"host": "127.0.0.1", "port": 1, "tls": tls})
    for name, data in zip(("cert.der", "key.der"), made.der(), strict=True):
        (ill.folder / name).write_bytes(data)
    (ill.folder / "ca.der").write_bytes((fleet / "ca.der").read_bytes())
    (tmp_path / "adc").write_text("0")
    found, err = examine(ill)
    assert "are bad" in str(err)
    bad = {what for what, row in found.items() if row["state"] == "bad"}
    assert {"last reset", "certificate", "connection", "broker", "soil_moisture_ratio"} <= bad
    assert found["certificate"]["remedy"] == "renew it now: `cobenefit node renew rig/meter`"
    assert all(found[what]["remedy"] for what in bad)


def test_a_wrong_configuration_is_named_and_no_secret_shown(node):
    found, err = examine(node(pack_readings=0, wifi={"ssid": "barn", "password": "short"}))
    assert err is not None
    assert found["configuration"]["state"] == "bad"
    assert "pack_readings is 0" in found["configuration"]["value"]
    assert "soil_moisture_ratio" not in found


def test_a_wrong_secret_is_not_shown(node):
    found, _ = examine(node(wifi={"ssid": "barn", "password": PASSWORD[:5]}))
    assert "wifi.password is ***" in found["configuration"]["value"]


def test_a_board_without_a_configuration(pty_board, tmp_path):
    found, err = examine(pty_board(tmp_path / "empty"))
    assert err is not None
    assert (found["board"]["state"], found["configuration"]["state"]) == ("ok", "bad")


def test_a_port_that_is_not_there_or_silent(tmp_path):
    result = CliRunner().invoke(app, ["doctor", str(tmp_path / "nothing")])
    assert isinstance(result.exception, ConsoleError)


GOOD = {
    "board": ["x", "c0", "1.29.0"], "cause": 1, "software": ["0.1.0", "app_a", "", 0],
    "config": ["rig/meter", "unix", "h:1", False, "", ""], "certificate": "",
    "clock": [True, 0], "causes": [1, 0, 0, 0, 0, 0], "ring": [0, 0, 0, 0],
    "link": [True, "TLS"], "tests": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "what", "said"),
    [
        ({"software": ["0.1.0", "app_a", "", 2]}, "software", "another release"),
        ({"software": {"error": "ImportError: no module"}}, "software", "provision and flash"),
        ({"cause": 6}, "last reset", "supply is too weak"),
        ({"ring": [40, 900, 0, 0]}, "ring", "is the gateway running"),
        ({"ring": [0, 100, 0, 3]}, "ring", "replace the board"),
        ({"certificate": "AAAA"}, "certificate", "node identity rig/meter"),
        ({"certificate": {"error": "OSError: 2"}}, "certificate", "node identity"),
        ({"tests": [["soil_ph", "bad", "checksum"]]}, "soil_ph", "a bad contact"),
        ({"tests": [["clock", "bad", "unknown"]]}, "clock", "NTP"),
        ({"link": [False, "TLS"]}, "connection", "certificate"),
        ({"crash": "MemoryError"}, "self-test", "flash it again"),
    ],
)
def test_each_finding_has_its_remedy(facts, what, said):
    rows = {row.what: row for row in doctor._judged(GOOD | facts, datetime.now(UTC))}
    assert rows[what].state == "bad"
    assert said in rows[what].remedy


def test_nothing_wrong_asks_for_nothing(tmp_path):
    now = datetime.now(UTC)
    assert not [row for row in doctor._judged(GOOD, now) if row.state == "bad" or row.remedy]
    authority.create(tmp_path / "fleet")
    made = authority.issue(authority.load(tmp_path / "fleet"), "rig/meter", days=90)
    for days, state in ((0, "ok"), (70, "bad"), (95, "bad")):
        row = doctor._certificate(
            doctor.base64.b64encode(made.der()[0]).decode(),
            "rig/meter",
            now + timedelta(days=days),
        )
        assert row.state == state
