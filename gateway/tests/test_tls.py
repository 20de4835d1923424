"""TLS on both sides with a verified name, for both clients."""

import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cobenefit_gateway import config
from cobenefit_gateway.mqtt import open_broker
from cobenefit_hil.authority import PEM, _certificate, authority
from cobenefit_hil.services import Service, free_port

pytestmark = pytest.mark.broker


def write_pair(folder, name, ca_key, extension):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, ca_key, extension)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def broker(tmp_path, program):
    """A mosquitto called `localhost` that wants a certificate."""
    ca_key, ca = authority()
    (tmp_path / "ca.pem").write_bytes(ca.public_bytes(PEM))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    write_pair(tmp_path, "localhost", ca_key, names)
    write_pair(tmp_path, "gateway", ca_key, x509.BasicConstraints(ca=False, path_length=None))
    port = free_port()
    (tmp_path / "tls.conf").write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/localhost.pem\n"
        f"keyfile {tmp_path}/localhost.key\n"
    )
    command = [program("mosquitto"), "-c", str(tmp_path / "tls.conf")]
    with Service("broker", command, tmp_path / "b.log", port=port) as it:
        yield it


# paho leaves the socket of a refused handshake open, so it is asked for a welcome only.
CASES = {
    "welcome": ("bulk", "localhost", True, True),
    "welcome to paho": ("paho", "localhost", True, True),
    "another name": ("bulk", "127.0.0.1", True, False),
    "no certificate": ("bulk", "localhost", False, False),
}


@pytest.mark.parametrize("case", CASES)
def test_both_sides_are_verified(tmp_path, broker, case):
    client, host, certificate, welcome = CASES[case]
    path = tmp_path / "gateway.toml"
    pair = f'tls_cert = "{tmp_path}/gateway.pem"\ntls_key = "{tmp_path}/gateway.key"\n'
    path.write_text(
        f'tenant = "t"\n[broker]\nhost = "{host}"\nport = {broker.port}\n'
        f'tls_ca = "{tmp_path}/ca.pem"\n{pair if certificate else ""}'
        f'[mqtt]\nclient = "{client}"\n'
    )
    gateway = open_broker(config.load(path), "")
    gateway.start()
    until = time.monotonic() + (60.0 if welcome else 1.5)
    got, sent = [], 0
    while not got and time.monotonic() < until:
        if gateway.connected:
            # What it publishes where it listens comes back to it, through the same session.
            sent += gateway.publish("cb/v1/s/d/up/x", bytes(30_000))
        got = gateway.take(0.2, 0.01, 100).records
    gateway.stop()
    assert bool(got) == welcome
    if welcome:
        assert {len(record.payload) for record in got} == {30_000}
