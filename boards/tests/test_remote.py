"""Commands for nodes: what is sealed is what a node reads; what is wrong is not sent."""

import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from typer.testing import CliRunner

import cobenefit_node
from cobenefit_boards import authority, ota, remote
from cobenefit_boards.commands import node as app
from cobenefit_wire import command

NODE = "lille-01/meter-7"
VECTORS = Path(cobenefit_node.__file__).parents[1] / "tests/vectors/command.json"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet") / "ca"
    authority.create(folder)
    return folder


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "fleet.pem"
    ota.make_key(path)
    return path


def _write(tmp_path, **changes):
    raw = {"site": "lille-01", "device": "meter-7", "broker": {"host": "h", "password": "p"}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**raw, **changes}))
    return path


def test_an_unsigned_command_has_the_golden_bytes():
    row = json.loads(VECTORS.read_text())["commands"][0]
    subject, counter, name, confirm_s, content = row["fields"]
    sealed = remote.seal(subject, counter, name, bytes.fromhex(content), confirm_s, None)
    assert sealed.hex() == row["hex"]


def test_a_signature_is_one_that_another_implementation_accepts(key):
    sealed = remote.seal("config", 7, NODE, b"{}", 60, key)
    body, signature, asked = command.unseal(sealed)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    private.public_key().verify(signature, body, rsa_padding.PKCS1v15(), hashes.SHA256())
    assert asked == ("config", 7, NODE, 60, b"{}")


def test_what_a_node_would_not_read_is_not_sent(tmp_path, fleet):
    with pytest.raises(remote.RemoteError, match="longer than 4096"):
        remote.seal("config", 1, NODE, bytes(5000), 60, None)
    with pytest.raises(remote.RemoteError, match="is no node"):
        remote.split("Lille/meter")
    with pytest.raises(ota.OtaError, match="not an RSA-2048"):
        remote.seal("config", 1, NODE, b"{}", 60, fleet / "ca.key")
    with pytest.raises(ota.OtaError, match="not a private key"):
        remote.seal("config", 1, NODE, b"{}", 60, fleet / "ca.pem")
    other = _write(tmp_path, device="meter-8")
    with pytest.raises(remote.RemoteError, match="is for lille-01/meter-8"):
        remote.configuration(other, NODE, signed=False)
    for text, why in (("{", "not JSON"), ("[]", "not a JSON object")):
        other.write_text(text)
        with pytest.raises(remote.RemoteError, match=why):
            remote.configuration(other, NODE, signed=False)


def test_the_broker_travels_only_under_a_signature(tmp_path):
    path = _write(tmp_path)
    content, left_out = remote.configuration(path, NODE, signed=False)
    assert left_out
    assert b"password" not in content
    content, left_out = remote.configuration(path, NODE, signed=True)
    assert not left_out
    assert json.loads(content)["broker"]["host"] == "h"


def test_a_key_is_opened_by_the_secret_of_its_node_alone(fleet):
    new = authority.issue(authority.load(fleet), NODE)
    secret = authority.device_secret(fleet, NODE)
    assert secret != authority.device_secret(fleet, "lille-01/meter-8")
    content = remote.renewal(new, b"", secret)
    found = command.renewal(content)
    assert found.certificate == new.der()[0]
    assert new.der()[1] not in content
    assert content != remote.renewal(new, b"", secret)  # a fresh IV each time
    decryptor = Cipher(algorithms.AES256(secret), modes.CBC(found.iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    opened = decryptor.update(found.wrapped) + decryptor.finalize()
    assert unpadder.update(opened) + unpadder.finalize() == new.der()[1]


def test_certificates_are_short_named_and_of_the_authority(fleet):
    made = authority.load(fleet)
    node = authority.issue(made, NODE, days=30).certificate
    broker = authority.issue(made, "broker.example.org", server=True).certificate
    for certificate in (node, broker):
        certificate.verify_directly_issued_by(made.certificate)
    assert node.subject.rfc4514_string() == f"CN={NODE}"
    left = node.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=29) < left < dt.timedelta(days=30)
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example.org"]
    assert isinstance(node.public_key().curve, ec.SECP256R1)


def test_an_authority_is_private_and_never_replaced(fleet, tmp_path):
    for name in ("ca.key", "fleet.secret"):
        assert (fleet / name).stat().st_mode & 0o077 == 0
    with pytest.raises(authority.AuthorityError, match="never replaced"):
        authority.create(fleet)
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "ca.key").write_text("x")
    with pytest.raises(authority.AuthorityError, match="can't be read"):
        authority.load(tmp_path)


def test_the_commands_make_identities_and_revoke_them(fleet, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, [str(x) for x in arguments])

    node, boss = tmp_path / "node", tmp_path / "boss"
    assert run("identity", NODE, "--authority", fleet, "--out", node).exit_code == 0
    names = {p.name for p in node.iterdir()}
    assert names == {"cert.der", "key.der", "ca.der", "device.secret"}
    assert run("identity", "operator", "--authority", fleet, "--out", boss).exit_code == 0
    assert {p.name for p in boss.iterdir()} == {"cert.pem", "key.pem", "ca.pem"}
    assert isinstance(
        run("identity", "A/b", "--authority", fleet, "--out", node).exception, remote.RemoteError
    )
    crl = tmp_path / "crl.pem"
    for certificate in (node / "cert.der", boss / "cert.pem", boss / "cert.pem"):
        done = run("revoke", certificate, "--authority", fleet, "--out", crl)
        assert done.exit_code == 0, done.output
    assert run("revoke", "--authority", fleet, "--out", crl).exit_code == 0
    revoked = x509.load_pem_x509_crl(crl.read_bytes())
    number = x509.load_der_x509_certificate((node / "cert.der").read_bytes()).serial_number
    assert revoked.get_revoked_certificate_by_serial_number(number) is not None
    assert len(list(revoked)) == 2
    assert revoked.is_signature_valid(authority.load(fleet).key.public_key())
    wrong = run("revoke", fleet / "fleet.secret", "--authority", fleet, "--out", crl)
    assert isinstance(wrong.exception, authority.AuthorityError)
