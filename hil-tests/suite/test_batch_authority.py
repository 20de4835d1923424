"""What a laptop has signed, on a real mosquitto and a real node: let in, bounded, shut out.

And the exchange of a node's board, whose old certificate is shut out.
"""

import datetime as dt
import hashlib
import json
import shutil
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from cobenefit_boards import authority, batch_authority, provision
from cobenefit_boards.commands import boards as app
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
INDEX, POWER_CHANNEL = "energy_import_wh", "power_apparent_va"


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
def laptop(broker, tmp_path):
    folder = tmp_path / "laptop"
    batch_authority.create(broker.folder, folder, [NODE, "lille-01/other"], 3, 7, 365)
    broker.restart()
    return folder


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


def equip(board, folder, made):
    for name, data in zip(("cert.der", "key.der"), made.der(), strict=True):
        board.file(name).write_bytes(data)
    shutil.copyfile(folder / "ca.der", board.file("ca.der"))


def test_a_node_of_the_batch_is_let_in_until_the_batch_is_revoked(
    board, broker, laptop, ack_station
):
    equip(board, laptop, batch_authority.issue(laptop, NODE, 365))
    with Keeper(board):
        count = len(ack_station.packs)
        assert ack_station.wait(lambda: len(ack_station.packs) > count + 5, 120), broker.tail()
        broker.revoke(authority.load(laptop))
        refusals = broker.refusals()
        assert ack_station.wait(lambda: broker.refusals() > refusals, 60), broker.tail()
        count = len(ack_station.packs)  # what it took before it was shut out has arrived
        assert ack_station.wait(lambda: broker.refusals() > refusals + 1, 60), broker.tail()
    assert broker.said("certificate verify failed")
    assert len(ack_station.packs) == count


def forged(laptop, *names):
    """Return what somebody makes who has stolen the laptop's key."""
    above, key = authority.load(laptop), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([row for name in names for row in authority.common_name(name)])
    now = dt.datetime.now(dt.UTC)
    valid = (now - dt.timedelta(hours=1), now + dt.timedelta(days=9))
    built = authority.builder(subject, above.certificate.subject, key.public_key(), valid)
    return authority.Identity(built.sign(above.key, hashes.SHA256()), key)


def admitted(broker, tmp_path, made, *chain):
    """Return whether the broker lets in who shows this certificate, and those above it."""
    certificate, key = tmp_path / "shown.pem", tmp_path / "shown.key"
    certificate.write_bytes(b"".join(one.pem()[0] for one in (made, *chain)))
    key.write_bytes(made.pem()[1])
    context = ssl.create_default_context(cafile=broker.folder / "ca.pem")
    context.check_hostname = False
    context.load_cert_chain(certificate, key)
    plain = socket.create_connection(("127.0.0.1", broker.port), 20)
    try:
        with context.wrap_socket(plain) as line:
            line.sendall(b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03who")
            return line.recv(4) == b"\x20\x02\x00\x00"
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("name", ["operator", "gateway", f"{SITE}/neighbour", NODE + "0"])
def test_a_stolen_laptop_signs_for_its_nodes_only(broker, laptop, tmp_path, name):
    assert admitted(broker, tmp_path, forged(laptop, NODE))
    assert not admitted(broker, tmp_path, forged(laptop, name))
    assert not admitted(broker, tmp_path, forged(laptop, name, NODE))
    assert admitted(broker, tmp_path, forged(laptop, NODE, name))
    assert broker.said(rf"u'{NODE}'"), broker.tail()  # the access rules take the first name
    assert not broker.said(rf"u'{name}'"), broker.tail()


def test_a_revoked_batch_is_out_even_with_its_whole_chain(broker, laptop, tmp_path):
    made, above = batch_authority.issue(laptop, NODE, 365), authority.load(laptop)
    assert admitted(broker, tmp_path, made)
    assert admitted(broker, tmp_path, made, above)
    other = batch_authority.issue(laptop, "lille-01/other", 365)
    broker.revoke(made)
    assert not admitted(broker, tmp_path, made)
    assert admitted(broker, tmp_path, other)
    broker.revoke(above)
    assert not admitted(broker, tmp_path, other)
    assert not admitted(broker, tmp_path, other, above)
    assert admitted(broker, tmp_path, authority.issue(broker.authority, NODE))


def test_a_stolen_laptop_does_not_play_the_broker(board, broker, laptop, ack_station):
    equip(board, laptop, batch_authority.issue(laptop, NODE, 365))
    made, above = forged(laptop, NAME), authority.load(laptop)
    (broker.folder / "server.pem").write_bytes(made.pem()[0] + above.pem()[0])
    (broker.folder / "server.key").write_bytes(made.pem()[1])
    broker.restart()
    with Keeper(board):
        assert ack_station.wait(lambda: board.console().count(" link: ") >= 2, 120)
    assert "MBEDTLS_ERR_X509" in board.console(), board.console()
    assert not ack_station.packs


def kept(folder, made, config, mac):
    """Write what the office keeps of a node on a board."""
    folder.mkdir(parents=True)
    files = {"config.json": json.dumps(config).encode()}
    (folder / "vfs.bin").write_bytes(provision.file_system(files, 65_536))
    (folder / "cert.der").write_bytes(made.der()[0])
    digest = hashlib.sha256(made.der()[0]).hexdigest()
    record = {"node": NODE, "certificate": {"sha256": digest}, "flash": {"mac": mac}}
    (folder / provision.RECORD).write_text(json.dumps(record))
    return folder


def indexes(station, boots):
    """Return the meter's indexes that came, by time, from these boots."""
    found = [station.readings(boot) for boot in boots]
    rows = {t: v for r in found for (channel, t), (v, _) in r.items() if channel == INDEX}
    return [rows[t] for t in sorted(rows)]


def test_an_exchanged_board_goes_on_under_the_same_channels(  # noqa: PLR0917
    board, broker, laptop, ack_station, node_config, tmp_path
):
    made = [batch_authority.issue(laptop, NODE, 365) for _ in range(2)]
    old, new = (
        kept(tmp_path / name / NODE, one, node_config, f"24:0a:c4:00:00:0{n}")
        for n, (name, one) in enumerate(zip(("out", "visit"), made, strict=True))
    )
    equip(board, laptop, made[0])
    with Keeper(board):
        assert ack_station.wait(lambda: len(ack_station.packs) > 5, 120), broker.tail()
    boots = {boot for boot, _ in ack_station.packs}
    shutil.rmtree(board.file("ring"))  # another board: nothing of the first is on it
    equip(board, laptop, made[1])
    with Keeper(board):
        fresh = lambda: [b for b, _ in ack_station.packs if b not in boots]  # noqa: E731
        assert ack_station.wait(lambda: len(fresh()) > 5, 120), board.console()
        before, after = indexes(ack_station, boots), indexes(ack_station, set(fresh()))
        words = ["replace", old, new, "--authority", broker.folder, "--km", 34, "--index",
                 f"{INDEX}={before[-1]}:{after[0]}", "--visits", tmp_path / "visits.csv",
                 "--crl", tmp_path / "crl.pem"]  # fmt: skip
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        broker.restart()
        count = len(ack_station.packs)
        assert ack_station.wait(lambda: len(ack_station.packs) > count + 5, 120), broker.tail()
    assert {channel for channel, _ in ack_station.packs.values()} == {INDEX, POWER_CHANNEL}
    assert before == sorted(before)
    assert after == sorted(after)
    assert before[-1] < after[0]
    assert not admitted(broker, tmp_path, made[0])
    assert admitted(broker, tmp_path, made[1])
    rows = (tmp_path / "visits.csv").read_text()
    assert f"{DEVICE}/{INDEX},index_first,{float(after[0])}" in rows
