"""`cobenefit gateway check` against a real broker with TLS and a real HTTP server."""

import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cobenefit_gateway.check import BAD, GOOD, WARNING, findings
from cobenefit_gateway.config import load
from cobenefit_gateway.errors import ConfigError
from cobenefit_gateway.tls import tls_context
from cobenefit_hil.authority import tls_broker
from cobenefit_hil.services import Service, broker_command, free_port


def configured(folder, text):
    file = folder / "gateway.toml"
    file.write_text(f'tenant = "t"\n{text}')
    return load(file)


def verdicts(config, *, offline=False, **secrets):
    return {f.what: (f.verdict, f.text) for f in findings(config, secrets, offline=offline)}


@pytest.fixture
def broker(tmp_path):
    port = free_port()
    with Service("broker", broker_command(port, tmp_path), tmp_path / "b.log", port=port):
        yield port


def test_all_is_well(tmp_path, broker, receiver):
    config = configured(
        tmp_path, f'[broker]\nport = {broker}\n[backend]\nurl = "{receiver.url}"\n'
    )
    found = verdicts(config)
    assert {what: verdict for what, (verdict, _) in found.items()} == dict.fromkeys(
        ("disk", "clock", "broker", "backend"), GOOD
    )
    assert not receiver.health
    done = subprocess.run(
        [sys.executable, "-m", "cobenefit_gateway", "check", config.file],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("ready. Next: cobenefit gateway run")


def test_nobody_there_is_said_with_what_to_do(tmp_path):
    port = free_port()
    config = configured(
        tmp_path,
        f'[broker]\nport = {port}\n[backend]\nurl = "http://127.0.0.1:{port}"\n'
        f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsender = "a@b.c"\nto = ["a@b.c"]\n',
    )
    found = verdicts(config)
    for what in ("broker", "backend", "mail"):
        verdict, text = found[what]
        assert verdict == BAD
        assert str(port) in text
    assert "is it running" in found["broker"][1]


def test_a_refused_key(tmp_path, broker, receiver):
    receiver.fail = lambda _: 401
    config = configured(
        tmp_path, f'[broker]\nport = {broker}\n[backend]\nurl = "{receiver.url}"\n'
    )
    verdict, text = verdicts(config, COBENEFIT_GATEWAY_KEY="k-e-y")["backend"]
    assert verdict == BAD
    assert "COBENEFIT_GATEWAY_KEY" in text
    assert "k-e-y" not in text


@pytest.mark.broker
def test_tls_is_verified_by_authority_and_by_name(tmp_path, program):
    service, _, port = tls_broker(tmp_path, program("mosquitto"))
    ca = x509.load_der_x509_certificate((tmp_path / "ca.der").read_bytes())
    (tmp_path / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    with service:
        text = f'[broker]\nport = {port}\ntls_ca = "{tmp_path}/ca.pem"\nhost = "127.0.0.1"\n'
        verdict, said = verdicts(configured(tmp_path, text))["broker"]
        assert verdict == BAD  # the certificate is for broker.rig
        assert "broker.host must be a name in its certificate" in said
        other = tmp_path / "other"
        other.mkdir()
        tls_broker(other, "none")
        text = f'[broker]\nport = {port}\ntls_ca = "{other}/server.pem"\n'
        verdict, said = verdicts(configured(tmp_path, text))["broker"]
        assert verdict == BAD
        assert "broker.tls_ca" in said
        config = configured(tmp_path, text)
        assert verdicts(config, offline=True)["certificate"][0] == WARNING  # two days left


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('tls_ca = "none.pem"', "broker.tls_ca"),
        ('tls_ca = "{0}/server.pem"\ntls_cert = "{0}/none"', "broker.tls_cert"),
    ],
)
def test_files_that_can_not_be_read(tmp_path, text, key):
    tls_broker(tmp_path, "none")
    config = configured(tmp_path, "[broker]\n" + text.format(tmp_path))
    with pytest.raises(ConfigError) as err:
        tls_context(config)
    assert err.value.key == key
    assert verdicts(config, offline=True)["certificate"][0] == BAD


def test_a_full_or_forbidden_disk(tmp_path, monkeypatch):
    import shutil

    config = configured(tmp_path, "")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))
    verdict, text = verdicts(config, offline=True)["disk"]
    assert verdict == BAD
    assert "make room" in text


def test_a_clock_that_was_never_set():
    from cobenefit_gateway.check import _clock

    assert _clock(1970).verdict == BAD
    assert "timedatectl" in _clock(1970).text
