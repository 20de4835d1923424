"""No secret of a batch stands anywhere but where it belongs, nor is one ever said."""

import base64
import csv
import json
import subprocess

import littlefs
import pytest

from cobenefit_boards import batch_authority, provision

WIFI, BROKER = "pass-phrase-of-the-cellar", "word-of-the-broker"
NAME = "lille-01/meter-0"


@pytest.fixture
def said(mocks, bench, tmp_path, cobenefit):
    """Provision and flash as processes, then provision badly; return all that was printed."""
    options = bench(["esp32"])
    config = {"broker": {"host": "127.0.0.1", "user": "node", "password": BROKER},
              "sensors": [{"driver": "tic", "uart": 1, "period_ms": 60_000}]}  # fmt: skip
    (tmp_path / "node.json").write_text(json.dumps(config))
    with (tmp_path / "batch.csv").open("w", newline="") as file:
        csv.writer(file).writerows([
            ["site", "device", "board", "config", "wifi_ssid", "wifi_password"],
            ["lille-01", "meter-0", "esp32_generic", "node.json", "cellar", WIFI],
        ])  # fmt: skip
    mock = mocks("esp32", "24:0a:c4:00:00:01")
    (tmp_path / "rig.toml").write_text(
        f'[[slot]]\nname = "1"\nport = "socket://127.0.0.1:{mock.port}"\nreset = false\n'
        'console = "none"\n'
    )
    out = ["--out", str(tmp_path / "new")]
    common = options[1:-1]  # the table is printed, not JSON
    common[common.index("--out") + 1] = out[1]
    rig = common.index("--rig")
    made = [*common[:rig], "--authority", str(tmp_path / "laptop")]
    text = ""
    for words, code in (
        (["provision", *made], 0),
        (["flash", *common, "--note", "dented"], 0),
        (["provision", *made, "--firmware", str(tmp_path)], 2),
    ):
        command, environment = cobenefit
        done = subprocess.run(
            [*command, "boards", *words], env=environment, capture_output=True, text=True
        )
        text += done.stdout + done.stderr
        assert done.returncode == code, text
    return text


def forms(secret):
    """Return how a secret may be written."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    return {raw, raw.hex().encode(), base64.b64encode(raw), repr(raw)[2:-1].encode()}


def secrets(tmp_path):
    """Return the secrets of the batch by what they are."""
    image = bytearray((tmp_path / "new" / NAME / "vfs.bin").read_bytes())
    disk = littlefs.LittleFS(
        block_size=provision.BLOCK, block_count=len(image) // provision.BLOCK, mount=False
    )
    disk.context.buffer = image
    disk.mount()
    with disk.open("key.der", "rb") as file:
        key = file.read()
    laptop, fleet = tmp_path / "laptop", tmp_path / "fleet"
    body = (laptop / "ca.key").read_text().splitlines()[1]
    return {
        "wifi": WIFI,
        "broker": BROKER,
        "key of the node": key,
        "number of the key": key[36:68],
        "secret of the node": batch_authority.device_secret(laptop, NAME),
        "key of the batch": body,
        "secret of the fleet": (fleet / "fleet.secret").read_bytes(),
        "key of the fleet": (fleet / "ca.key").read_text().splitlines()[1],
    }


def test_no_secret_is_printed_or_stands_outside_the_images(said, tmp_path):
    folder = tmp_path / "new"
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path.name for path in kept} == {
        "vfs.bin", "nvs.bin", "cert.der", "record.json", "journal.jsonl", "labels.pdf",
    }  # fmt: skip
    image = kept.pop(folder / NAME / "vfs.bin")
    record = json.loads(kept[folder / NAME / "record.json"])
    assert record["flash"]["note"] == "dented"
    assert record["flash"]["mac"] == "24:0a:c4:00:00:01"
    assert record["flash"]["flashed"] == "yes"
    for what, secret in secrets(tmp_path).items():
        assert any(form in image for form in forms(secret)) == (
            what not in ("key of the batch", "secret of the fleet", "key of the fleet")
        ), what
        for form in forms(secret):
            assert form not in said.encode(), what
            for path, data in kept.items():
                assert form not in data, (what, path)
    private = [*(tmp_path / "laptop").iterdir(), *(tmp_path / "fleet").rglob("*.key"), *kept]
    for path in [*private, folder / NAME / "vfs.bin"]:
        if path.name != "labels.pdf":
            assert path.stat().st_mode & 0o077 == 0, path
    assert folder.stat().st_mode & 0o077 == 0
    [order] = provision.read_batch(tmp_path / "batch.csv")
    assert order.wifi_password == WIFI
    assert WIFI not in repr(order)
