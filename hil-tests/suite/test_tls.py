"""TLS to a real mosquitto: chain and name are verified before anything is said."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cobenefit_hil.plugin import INSTANTS
from cobenefit_hil.services import Service, free_port
from cobenefit_hil.station import AckStation

pytestmark = [
    pytest.mark.hil,
    pytest.mark.broker,
    pytest.mark.needs("uart", "simulated_time"),
]
NAME = "broker.rig"
PEM = serialization.Encoding.PEM


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, extension):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(extension, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _authority():
    key = ec.generate_private_key(ec.SECP256R1())
    constraint = x509.BasicConstraints(ca=True, path_length=None)
    return key, _certificate("rig-ca", key, "rig-ca", key, constraint)


@pytest.fixture
def broker(tmp_path, program):
    """A broker with a TLS port for the node and a plain one for the station."""
    ca_key, ca = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    (tmp_path / "server.pem").write_bytes(
        _certificate(NAME, key, "rig-ca", ca_key, names).public_bytes(PEM)
    )
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "ca.der").write_bytes(ca.public_bytes(serialization.Encoding.DER))
    plain, tls = free_port(), free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"user root\nallow_anonymous true\nlistener {plain} 127.0.0.1\n"
        f"listener {tls} 127.0.0.1\n"
        f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
    )
    command = [program("mosquitto"), "-c", str(tmp_path / "mosquitto.conf")]
    with Service("mosquitto", command, tmp_path / "mosquitto.log", port=tls) as service:
        service.plain_port = plain
        yield service


@pytest.fixture
def ack_station(broker):
    with AckStation(broker.plain_port) as station:
        yield station


def _tls(node_config, tmp_path, name=NAME, ca="ca.der"):
    settings = {"ca": str(tmp_path / ca), "server_hostname": name}
    node_config["broker"]["tls"] = settings
    return node_config


def test_readings_arrive_over_verified_tls(board, node_config, ack_station, tmp_path):
    board.flash(_tls(node_config, tmp_path))
    board.boot()
    assert board.wait(60) == 0, board.console()
    assert len(ack_station.readings()) == 2 * INSTANTS


def test_a_broker_of_another_name_is_refused(board, node_config, ack_station, tmp_path):
    board.flash(_tls(node_config, tmp_path, name="other.rig"))
    board.boot()
    refused = lambda: "does not match" in board.console()  # noqa: E731
    assert ack_station.wait(refused, 20), board.console()
    assert not ack_station.packs
    assert not ack_station.states


def test_a_broker_of_another_authority_is_refused(board, node_config, ack_station, tmp_path):
    der = _authority()[1].public_bytes(serialization.Encoding.DER)
    (tmp_path / "other.der").write_bytes(der)
    board.flash(_tls(node_config, tmp_path, ca="other.der"))
    board.boot()
    refused = lambda: "not correctly signed" in board.console()  # noqa: E731
    assert ack_station.wait(refused, 20), board.console()
    assert not ack_station.states
