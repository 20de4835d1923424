import subprocess
import sys
import tomllib
from pathlib import Path

from cobenefit_gateway.config import load
from cobenefit_gateway.sample import for_this_machine
from cobenefit_gateway.unit import unit


def config(folder):
    file = folder / "gateway.toml"
    file.write_text('tenant = "t"\ndata_dir = "data"\n')
    return load(file)


def test_systemd_accepts_the_unit(tmp_path, program):
    file = tmp_path / "cobenefit-gateway.service"
    # A program that exists, and a user that does: systemd-analyze looks.
    file.write_text(unit(config(tmp_path), Path(sys.executable), "root"))
    done = subprocess.run(
        [program("systemd-analyze"), "verify", file],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if file.name in line]
    assert said == [], done.stderr


def test_it_is_shut_in_and_may_write_its_data_alone(tmp_path):
    text = unit(config(tmp_path), Path("/opt/cobenefit/bin/cobenefit"), "cobenefit")
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert lines["ReadWritePaths"] == str(tmp_path / "data")
    assert lines["ExecStart"].endswith(f"gateway run {tmp_path}/gateway.toml")
    assert lines["User"] == "cobenefit"
    assert int(lines["TimeoutStopSec"]) > 30
    for key in ("ProtectSystem", "NoNewPrivileges", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert lines[key] in ("strict", "true")
    assert lines["CapabilityBoundingSet"] == ""


def test_the_sample_is_filled_in_for_this_machine(tmp_path):
    zone = tmp_path / "zoneinfo/Europe/Paris"
    zone.parent.mkdir(parents=True)
    zone.touch()
    link = tmp_path / "localtime"
    link.symlink_to(zone)
    text = for_this_machine("Pi_Lille.local", link)
    body = tomllib.loads(text)
    assert body["broker"]["client_id"] == "cobenefit-pi-lille-local"
    assert body["windows"]["timezone"] == "Europe/Paris"
    assert body["http"]["port"] == 9180
    assert "# [s], 5 to 3600" in text
    assert tomllib.loads(for_this_machine("x", tmp_path))["windows"]["timezone"] == "UTC"
