"""What a node is given: its own identity, whole or not at all."""

import datetime as dt
import getpass
import hashlib
import json

import littlefs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from cobenefit_boards import authority, provision
from cobenefit_boards.commands import boards as app

SECRET = "pass-phrase-of-the-cellar"


@pytest.fixture
def batch(bench, tmp_path):
    """Two nodes with TLS and a password, provisioned."""
    broker = {"host": "b.example.org", "tls": {"ca": "x", "server_hostname": "b.example.org"}}
    broker |= {"user": "node", "password": SECRET}
    sensors = [{"driver": "tic", "uart": 1, "period_ms": 60_000}]
    bench(["esp32", "esp32c3"], {"broker": broker, "sensors": sensors})
    return tmp_path / "out"


def opened(path):
    raw = path.read_bytes()
    disk = littlefs.LittleFS(block_size=4096, block_count=len(raw) // 4096, mount=False)
    disk.context.buffer = bytearray(raw)
    disk.mount()
    return disk


def content(disk, name):
    with disk.open(name, "rb") as file:
        return file.read()


def test_each_node_has_its_own_key_and_the_certificate_that_fits(batch, tmp_path):
    keys = []
    for number in range(2):
        disk = opened(batch / f"lille-01/meter-{number}/vfs.bin")
        certificate = x509.load_der_x509_certificate(content(disk, "cert.der"))
        key = serialization.load_der_private_key(content(disk, "key.der"), None)
        assert certificate.public_key() == key.public_key()
        assert certificate.subject.rfc4514_string() == f"CN=lille-01/meter-{number}"
        certificate.verify_directly_issued_by(authority.load(tmp_path / "laptop").certificate)
        config = json.loads(content(disk, "config.json"))
        assert (config["device"], config["broker"]["password"]) == (f"meter-{number}", SECRET)
        assert config["broker"]["tls"]["key"] == "key.der"
        assert content(disk, "main.py")
        secret = authority.device_secret(tmp_path / "fleet", f"lille-01/meter-{number}")
        assert content(disk, "device.secret") == secret
        record = json.loads((batch / f"lille-01/meter-{number}/record.json").read_text())
        assert (
            record["certificate"]["sha256"]
            == hashlib.sha256(content(disk, "cert.der")).hexdigest()
        )
        keys.append(content(disk, "key.der"))
    assert keys[0] != keys[1]


def test_the_nvs_image_says_who_the_board_is(batch):
    raw = (batch / "lille-01/meter-1/nvs.bin").read_bytes()
    assert len(raw) == 0x6000
    assert b"lille-01" in raw
    assert b"meter-1" in raw


def test_a_record_says_who_made_it_when_and_what_its_files_are(batch):
    folder = batch / "lille-01/meter-0"
    record = json.loads((folder / "record.json").read_text())
    assert record["made"]["by"] == getpass.getuser()
    made = dt.datetime.fromisoformat(record["made"]["at"])
    assert abs((dt.datetime.now(dt.UTC) - made).total_seconds()) < 600
    for name, facts in record["images"].items():
        raw = (folder / f"{name}.bin").read_bytes()
        assert facts["sha256"] == hashlib.sha256(raw).hexdigest()
    assert record["firmware"]["sha256"] in (batch.parent / "images/SHA256SUMS").read_text()


def test_a_second_run_changes_nothing_and_a_changed_input_is_refused(bench, tmp_path, batch):
    before = {path: path.read_bytes() for path in batch.glob("*/*/*")}
    options = ["--batch", str(tmp_path / "batch.csv"), "--out", str(batch), "--images",
               str(tmp_path / "images"), "--authority", str(tmp_path / "fleet")]  # fmt: skip
    result = CliRunner().invoke(app, ["provision", *options])
    assert "0 nodes made, 2 were there" in result.stdout
    assert {path: path.read_bytes() for path in batch.glob("*/*/*")} == before
    raw = json.loads((tmp_path / "node.json").read_text())
    (tmp_path / "node.json").write_text(json.dumps({**raw, "pack_readings": 7}))
    result = CliRunner().invoke(app, ["provision", *options])
    assert isinstance(result.exception, provision.ProvisionError)
    assert SECRET not in str(result.exception)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("site,device,board\n", "column 'config'"),
        ("site,device,board,config,colour\n", "column 'colour'"),
        ("site,device,board,config\nlille,Meter 1,unix,n.json\n", r"line 2: .*\[a-z0-9-\]"),
        ("site,device,board,config\nlille,m1,esp99,n.json\n", "board is esp99"),
        ("site,device,board,config\nlille,m1,unix,none.json\n", "no such configuration"),
        ("site,device,board,config\nlille,m1,unix,n.json\nlille,m1,unix,n.json\n", "twice"),
        ("site,device,board,config\nlille,,unix,n.json\n", "cell is empty"),
        ("site,device,board,config\nlille,m1,unix,n.json,what\n", "one too many"),
    ],
)
def test_a_wrong_batch_says_where(tmp_path, rows, said):
    (tmp_path / "n.json").write_text("{}")
    (tmp_path / "batch.csv").write_text(rows)
    with pytest.raises(provision.ProvisionError, match=said):
        provision.read_batch(tmp_path / "batch.csv")


def test_what_does_not_fit_is_said(tmp_path):
    with pytest.raises(provision.ProvisionError, match="do not fit"):
        provision.file_system({"big": b"x" * 100_000}, 65_536)
