"""Where a webhook may go: public HTTPS; the server's own network only where it is allowed."""

import asyncio
import datetime as dt
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cobenefit_backend.errors import RequestError
from cobenefit_backend.webhooks import address
from cobenefit_backend.webhooks.events import TEST, Event


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "https:///path", "//example.org",
        "https://user:pass@example.org/", "https://example.org/#part", "https://127.0.0.1/",
        "https://10.0.0.1/", "https://192.168.1.1:8443/", "https://169.254.169.254/latest",
        "https://[::1]/", "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/",
        "https://[2002:7f00:1::]/", "https://224.0.0.1/", "https://100.64.0.1/",
        "https://example.org:99999/", "https://exa mple.org/", "https://example.org/é",
        "https://example.org/\r\nX: y", "https://[::1", "https://example.org/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_could_reach_inside_is_refused(url):
    with pytest.raises(RequestError) as refused:
        address.check(url, private=False)
    assert refused.value.status == 422


@pytest.mark.parametrize("url", ["https://example.org/in?x=1", "https://93.184.216.34:8443/"])
def test_public_addresses_pass(url):
    address.check(url, private=False)


def test_a_private_address_passes_where_it_is_allowed():
    address.check("http://127.0.0.1:8080/in", private=True)


def test_a_name_that_leads_inside_is_refused_when_it_is_resolved():
    with pytest.raises(PermissionError, match="private network"):
        asyncio.run(address.resolve("https://localhost/", private=False))
    assert asyncio.run(address.resolve("https://localhost/", private=True)) in {"127.0.0.1", "::1"}


def test_such_a_name_gets_no_message(hooks, hook, dispatcher, receive):
    receiver = receive()
    name = hook(f"http://localhost:{receiver.port}/")
    hooks.queue("demo", name, Event(TEST, {}), 1)
    dispatcher(private=False).deliver()
    assert receiver.got == []
    assert "private network" in hooks.outbox("demo", name)[0]["reason"]


def _certificate(tmp_path, host: str):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return pem


@pytest.fixture
def secure(tmp_path, monkeypatch, receive):
    """Start a receiver over TLS, whose certificate the system trusts, for a name."""

    def started(host: str):
        pem = _certificate(tmp_path, host)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return receive(context=context)

    return started


@pytest.mark.parametrize("host", ["localhost", "elsewhere.example"])
def test_https_to_an_address_still_proves_the_name(hooks, hook, dispatcher, secure, host):
    receiver = secure(host)
    name = hook(f"https://localhost:{receiver.port}/in")
    hooks.queue("demo", name, Event(TEST, {}), time.time_ns() // 1_000_000)
    dispatcher().deliver()
    if host == "localhost":
        assert [event["type"] for event in receiver.events(name)] == [TEST]
        assert receiver.got[0][0]["host"] == f"localhost:{receiver.port}"
    else:
        assert receiver.got == []
        assert "certificate" in hooks.outbox("demo", name)[0]["reason"].lower()
