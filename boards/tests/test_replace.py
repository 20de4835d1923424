"""An exchange of boards: what must fit, what is written, what no longer connects."""

import csv
import hashlib
import json

import pytest
from cryptography import x509
from typer.testing import CliRunner

from cobenefit_boards import authority, batch_authority, provision, replace
from cobenefit_boards.commands import boards as app

NODE = "lille-01/meter-0"
SENSORS = [
    {"driver": "tic", "uart": 1, "period_ms": 60_000},
    {"driver": "pulse", "counter": 0, "period_ms": 60_000},
]


def on_a_board(folder, laptop, name, mac):
    """Make what provisioning and flashing leave behind, with a small file system."""
    made = batch_authority.issue(laptop, name, 30).der()[0]
    folder.mkdir(parents=True)
    config = json.dumps({"sensors": SENSORS}).encode()
    (folder / "vfs.bin").write_bytes(provision.file_system({"config.json": config}, 65_536))
    (folder / "cert.der").write_bytes(made)
    record = {"node": name, "certificate": {"sha256": hashlib.sha256(made).hexdigest()},
              "flash": {"mac": mac}}  # fmt: skip
    (folder / provision.RECORD).write_text(json.dumps(record))
    return folder


@pytest.fixture
def visit(tmp_path):
    """Return the folders of a node on two boards."""
    authority.create(tmp_path / "fleet")
    laptop = tmp_path / "laptop"
    batch_authority.create(tmp_path / "fleet", laptop, [NODE, "lille-01/meter-1"], 9, 7, 365)
    old = on_a_board(tmp_path / "out" / NODE, laptop, NODE, "24:0a:c4:00:00:01")
    return old, on_a_board(tmp_path / "visit" / NODE, laptop, NODE, "24:0a:c4:00:00:02")


def run(tmp_path, old, new, *more):
    indexes = ["--index", "energy_import_wh=1000:1002", "--index", "pulse_count=480:0"]
    words = ["replace", old, new, "--authority", tmp_path / "fleet", "--km", 34,
             "--visits", tmp_path / "visits.csv", "--crl", tmp_path / "crl.pem"]  # fmt: skip
    return CliRunner().invoke(app, [str(x) for x in [*words, *(more or indexes)]])


def test_the_swap_is_kept_as_activities_and_the_old_certificate_is_out(visit, tmp_path):
    old, new = visit
    for _ in range(2):  # a second time adds nothing
        result = run(tmp_path, old, new)
        assert result.exit_code == 0, result.output
    with (tmp_path / "visits.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["place"], r["quantity"], float(r["amount"]), r["unit"]) for r in rows] == [
        ("meter-0", "visit_distance", 34.0, "km"),
        ("meter-0/energy_import_wh", "index_last", 1000.0, "Wh"),
        ("meter-0/energy_import_wh", "index_first", 1002.0, "Wh"),
        ("meter-0/pulse_count", "index_before", 480.0, "count"),
        ("meter-0/pulse_count", "index_after", 0.0, "count"),
    ]
    assert len({row["id"] for row in rows}) == 5
    kept = json.loads((new / replace.RECORD).read_text())
    assert (kept["old_mac"], kept["new_mac"]) == ("24:0a:c4:00:00:01", "24:0a:c4:00:00:02")
    assert kept["indexes"]["energy_import_wh"] == [1000.0, 1002.0]
    laptop = authority.load(tmp_path / "laptop").certificate
    out = {crl.issuer: crl for crl in x509_lists(tmp_path / "crl.pem")}[laptop.subject]
    for folder, revoked in ((old, True), (new, False)):
        made = x509.load_der_x509_certificate((folder / "cert.der").read_bytes())
        found = out.get_revoked_certificate_by_serial_number(made.serial_number)
        assert (found is not None) == revoked


def x509_lists(path):
    end = b"-----END X509 CRL-----\n"
    return [x509.load_pem_x509_crl(part + end) for part in path.read_bytes().split(end)[:-1]]


def test_a_new_meter_counts_from_its_own_index(visit, tmp_path):
    more = ["--index", "energy_import_wh=1000:7", "--index", "pulse_count=480:0"]
    assert "went back" in str(run(tmp_path, *visit, *more).exception)
    assert run(tmp_path, *visit, *more, "--new-meter").exit_code == 0
    assert "meter-0/energy_import_wh,index_before,1000.0" in (tmp_path / "visits.csv").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--index", "energy_import_wh=1:2"], "pulse_count is a counter: give --index"),
        (["--index", "energy_import_wh=1:2", "--index", "pulse_count=1"], "CHANNEL=LAST:FIRST"),
        (["--index", "energy_import_wh=1:2", "--index", "pulse_count=1:2", "--index",
          "soil_ph=1:2"], "soil_ph is no counter of this node"),
        (["--index", "energy_import_wh=1:2", "--index", "pulse_count=1:2", "--date", "12/4"],
         "YYYY-MM-DD"),
    ],
)  # fmt: skip
def test_a_missing_figure_is_asked_for_and_nothing_is_changed(visit, tmp_path, more, said):
    result = run(tmp_path, *visit, *more)
    assert isinstance(result.exception, replace.ReplaceError)
    assert said in str(result.exception)
    assert not (tmp_path / "visits.csv").exists()
    assert not (tmp_path / "crl.pem").exists()


def test_two_boards_that_are_not_one_node_are_refused(visit, tmp_path):
    old, _ = visit
    name = "lille-01/meter-1"
    other = on_a_board(tmp_path / "out" / name, tmp_path / "laptop", name, "24:0a:c4:00:00:03")
    assert "under the name of the old one" in str(run(tmp_path, old, other).exception)
    assert "on no board yet, or on the same" in str(run(tmp_path, old, old).exception)
    assert "BATCH/SITE/DEVICE" in str(run(tmp_path, old, tmp_path).exception)


def test_channels_are_those_the_drivers_send():
    assert replace.channels({"sensors": SENSORS})["pulse_count"] == "pulse"
    air = {"driver": "scd4x", "i2c": 0, "number": 2, "period_ms": 1000}
    assert replace.channels({"sensors": [air]})["co2_ratio_2"] == "scd4x"
