"""Certificates both ways, on a real mosquitto that wants one: right, wrong, renewed."""

import datetime as dt
import shutil
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from cobenefit_boards import authority, ota, remote, remote_broker
from cobenefit_boards.commands import node as app
from cobenefit_boards.ota_broker import Broker
from cobenefit_hil.keeper import Keeper
from cobenefit_hil.mutual import NAME, MutualBroker
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, SITE, START_MS
from cobenefit_hil.station import AckStation

pytestmark = [
    pytest.mark.hil,
    pytest.mark.broker,
    pytest.mark.needs("uart", "simulated_time", "power"),
]
INSTANTS = 40_000
#: So that the world lasts longer than any test, however fast the machine.
PACE_S = 0.01
NODE = f"{SITE}/{DEVICE}"
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def peer(tmp_path):
    times = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    values = {ENERGY: [100 * i for i in range(INSTANTS)], POWER: [10] * INSTANTS}
    with TicPeer(DEVICE, tmp_path, times, values) as meter:
        meter.pace_s = PACE_S
        yield meter


@pytest.fixture
def broker(tmp_path, program):
    with MutualBroker(tmp_path / "fleet", program("mosquitto")) as service:
        yield service


@pytest.fixture
def ack_station(broker):
    with AckStation(broker.plain) as station:
        yield station


@pytest.fixture
def node_config(broker):
    tls = {"ca": "ca.der", "cert": "cert.der", "key": "key.der", "server_hostname": NAME}
    return {
        "site": SITE,
        "device": DEVICE,
        "board": "unix",
        "broker": {"host": "127.0.0.1", "port": broker.port, "tls": tls},
        "sensors": [{"driver": "tic", "uart": 1, "period_ms": PERIOD_MS}],
        "pack_readings": 10,
        "pack_age_ms": 86_400_000,
    }


@pytest.fixture
def equip(board, broker):
    """Give the board an identity; by default a right one."""

    def run(identity=None):
        made = identity or authority.issue(broker.authority, NODE)
        for name, data in zip(("cert.der", "key.der"), made.der(), strict=True):
            board.file(name).write_bytes(data)
        shutil.copyfile(broker.folder / "ca.der", board.file("ca.der"))
        secret = authority.device_secret(broker.folder, NODE)
        board.file("device.secret").write_bytes(secret)
        return made

    return run


def _delivers(station):
    count = len(station.packs)
    return station.wait(lambda: len(station.packs) > count + 5 and not station.missing(), 60)


def test_the_right_certificate_works(board, equip, ack_station):
    equip()
    with Keeper(board):
        assert _delivers(ack_station), board.console()
    assert ack_station.states[0].online


@pytest.mark.parametrize("case", ["none", "another authority", "expired", "not yet", "revoked"])
def test_a_wrong_certificate_is_refused(  # noqa: PLR0917
    board, equip, broker, ack_station, node_config, tmp_path, case
):
    future = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    made = {
        "expired": lambda: authority.issue(broker.authority, NODE, start=LONG_AGO, days=30),
        "not yet": lambda: authority.issue(broker.authority, NODE, start=future),
    }.get(case, lambda: authority.issue(broker.authority, NODE))()
    if case == "another authority":
        authority.create(tmp_path / "other")
        made = authority.issue(authority.load(tmp_path / "other"), NODE)
    equip(made)
    if case == "revoked":
        broker.revoke(made)
    if case == "none":
        for name in ("cert", "key"):
            del node_config["broker"]["tls"][name]
        board.flash(node_config)
    with Keeper(board):
        assert ack_station.wait(lambda: broker.refusals() >= 2, 60), broker.tail()
        assert ack_station.wait(lambda: board.console().count(" link: ") >= 2, 60)
    # OpenSSL says no more in mosquitto's log; each case differs from the right one in one thing.
    why = "did not return a certificate" if case == "none" else "certificate verify failed"
    assert broker.said(why), broker.tail()
    assert not ack_station.packs
    assert not ack_station.states


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "other.rig"}, "does not match"),
        ({"start": LONG_AGO, "days": 30}, "expired"),
        ({"start": dt.datetime.now(dt.UTC) + dt.timedelta(days=2)}, "future"),
    ],
    ids=["another name", "expired", "not yet valid"],
)
def test_a_broker_with_a_wrong_certificate_is_refused(  # noqa: PLR0917
    board, equip, broker, ack_station, changes, why
):
    equip()
    broker.present(**changes)
    with Keeper(board):
        assert ack_station.wait(lambda: board.console().count(" link: ") >= 2, 60)
    assert why in board.console(), board.console()[-1500:]
    assert not ack_station.packs
    assert not ack_station.states


def test_a_device_touches_its_own_branch_only(broker, tmp_path):
    """By the access rules that `boards/cobenefit_boards/mosquitto.acl` ships."""
    mine, other = f"cb/v1/{NODE}", f"cb/v1/{SITE}/neighbour"
    with _client(broker, tmp_path, NODE) as device, _client(broker, tmp_path, "operator") as boss:
        for branch in (mine, other):
            boss.publish(f"{branch}/cmd", b"\x80", retain=True)
            boss.publish(f"{branch}/ota", b"\x80", retain=True)
        heard = device.listen("cb/v1/#", f"{mine}/#", f"{other}/#", f"{mine}/cmd", f"{other}/cmd")
        assert {t for t in heard if t.startswith("cb/")} == {f"{mine}/cmd", f"{mine}/ota"}
        for branch in (mine, other):
            for leaf in (
                "up/soil_ph",
                "state",
                "health",
                "cmd/result/config",
                "cmd",
                "ota",
                "ack",
            ):
                device.publish(f"{branch}/{leaf}", leaf.encode())
        seen = boss.listen("cb/v1/#")
    came = {t for t, data in seen.items() if data != b"\x80"}
    assert came == {f"{mine}/{leaf}" for leaf in ("up/soil_ph", "state", "health",
                                                  "cmd/result/config")}  # fmt: skip


def test_a_certificate_is_renewed_over_the_air(board, equip, broker, ack_station, tmp_path):
    key = tmp_path / "fleet.pem"
    shutil.copyfile(ota.make_key(key), board.file("update.key"))
    old = equip()
    with Keeper(board) as kept:
        assert _delivers(ack_station), board.console()
        done = _renew(broker, key)
        assert done.exit_code == 0, done.output + board.console()[-2000:]
        assert "has a certificate until" in done.output
        assert kept.boots == 2
        broker.revoke(old)  # and restart: whoever still shows the old one stays outside
        count = len(ack_station.packs)
        assert ack_station.wait(lambda: len(ack_station.packs) > count + 5, 60), broker.tail()
        kept.power_cut()
        count = len(ack_station.packs)
        assert ack_station.wait(lambda: len(ack_station.packs) > count + 5, 60), broker.tail()
        assert board.file("key.a").read_bytes() != board.file("key.der").read_bytes()


def test_a_certificate_the_broker_refuses_is_rolled_back(
    board, equip, broker, ack_station, tmp_path
):
    key = tmp_path / "fleet.pem"
    shutil.copyfile(ota.make_key(key), board.file("update.key"))
    equip()
    other = tmp_path / "other"
    authority.create(other)
    shutil.copyfile(broker.folder / "fleet.secret", other / "fleet.secret")
    with Keeper(board) as kept:
        assert _delivers(ack_station), board.console()
        done = _renew(broker, key, folder=other, confirm_s=3)
        assert isinstance(done.exception, remote_broker.NodeError), done.output
        assert "no ack within 3 s" in str(done.exception)
        assert kept.boots == 3
        assert _delivers(ack_station)


def test_a_certificate_that_is_not_for_this_node_is_refused(
    board, equip, broker, ack_station, tmp_path
):
    key, stranger = tmp_path / "fleet.pem", tmp_path / "stranger.pem"
    ota.make_key(stranger)
    shutil.copyfile(ota.make_key(key), board.file("update.key"))
    equip()
    new = authority.issue(broker.authority, NODE)
    secret = authority.device_secret(broker.folder, NODE)
    right = remote.renewal(new, b"", secret)
    cases = [
        (NODE, right, stranger, "wrong signature"),
        (NODE, right, None, "must be signed"),
        (f"{SITE}/neighbour", right, key, f"for {SITE}/neighbour"),
        (NODE, remote.renewal(new, b"", bytes(32)), key, "does not open"),
        (NODE, remote.renewal(new, b"no certificate", secret), key, "cert"),
    ]
    where = Broker("127.0.0.1", broker.plain)
    with Keeper(board) as kept:
        assert _delivers(ack_station), board.console()
        for name, content, signer, why in cases:
            make = lambda n, c=(name, content), s=signer: (  # noqa: E731
                remote.seal("certificate", n, c[0], c[1], 60, s)
            )
            result = remote_broker.ask(
                where, (SITE, DEVICE), "certificate", make, 120, lambda _: None
            )
            assert result.outcome == "refused", result
            assert why in result.detail, result
        assert kept.boots == 1
        assert _delivers(ack_station)


def _renew(broker, key, folder=None, confirm_s=60):
    options = {"--authority": folder or broker.folder, "--key": key, "--confirm-s": confirm_s,
               "--wait": 120, "--broker": f"127.0.0.1:{broker.plain}"}  # fmt: skip
    arguments = ["renew", NODE, *(str(x) for pair in options.items() for x in pair)]
    return CliRunner().invoke(app, arguments)


class _client:  # noqa: N801
    """A client that shows a certificate of its own."""

    def __init__(self, broker, tmp_path, name):
        made = authority.issue(broker.authority, name)
        files = [tmp_path / f"{name.replace('/', '-')}.{kind}" for kind in ("pem", "key")]
        for path, data in zip(files, made.pem(), strict=True):
            path.write_bytes(data)
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._mqtt.tls_set(str(broker.folder / "ca.pem"), str(files[0]), str(files[1]))
        self._mqtt.tls_insecure_set(True)  # the name is not what is tested here
        self._port = broker.port

    def __enter__(self):
        up = threading.Event()
        self._mqtt.on_connect = lambda *_: up.set()
        self._mqtt.connect("127.0.0.1", self._port)
        self._mqtt.loop_start()
        assert up.wait(60)
        return self

    def __exit__(self, *_):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def publish(self, topic, payload, retain=True):
        self._mqtt.publish(topic, payload, qos=1, retain=retain).wait_for_publish(60)

    def listen(self, *patterns):
        """Return retained payload by topic; what came before the answer to a last question."""
        found, done = {}, threading.Event()

        def take(_c, _u, message):
            found[message.topic] = message.payload

        self._mqtt.on_message = take
        self._mqtt.on_subscribe = lambda *_: done.set()
        self._mqtt.subscribe([(p, 1) for p in patterns])
        assert done.wait(60)
        done.clear()
        self._mqtt.subscribe("$SYS/broker/version", 1)  # retained ones before it have been sent
        assert done.wait(60)
        return found
