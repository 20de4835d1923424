"""The commands: look, commit, export, undo; leave out, put back; each says what comes next."""

import json
import re

import msgspec
import pytest
from typer.testing import CliRunner

from cobenefit_backend import migrate
from cobenefit_backend.commands import app
from cobenefit_backend.store import Store, open_engine

SERIES = ["--tenant", "demo", "--site", "town", "--device", "school",
          "--channel", "energy_import_wh"]  # fmt: skip
TENANT = ["--tenant", "demo"]
FILE = "start;end;value;unit\n" + "".join(
    f"2023-01-0{day}T00:00+01:00;2023-01-0{day + 1}T00:00+01:00;{day},5;kWh\n" for day in (1, 2, 2)
)


@pytest.fixture
def url(tmp_path, study_document) -> str:
    address = f"sqlite:///{tmp_path / 'b.sqlite3'}"
    engine = open_engine(address)
    migrate.upgrade(engine)
    Store(engine).put_study("demo", msgspec.json.encode(study_document), 1)
    engine.dispose()
    return address


@pytest.fixture
def run(url, tmp_path):
    """Run a command on one database, and return what it prints."""
    config = tmp_path / "backend.toml"
    config.write_text(f'[database]\nurl = "{url}"\n', encoding="utf-8")

    def call(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def days(url):
    """Read the increases of the days stored. [Wh]"""

    def read() -> list[float]:
        engine = open_engine(url)
        found = Store(engine).daily("demo", "town", "school", "energy_import_wh")
        engine.dispose()
        return [row["delta"] for row in found]

    return read


def test_look_commit_export_undo(run, days, tmp_path):
    (tmp_path / "x.csv").write_text(FILE, encoding="utf-8")
    shown = run("import", str(tmp_path / "x.csv"), *SERIES)
    assert "days: 2 new" in shown
    assert "line 4: import_duplicate: the same as line 3" in shown
    assert days() == []
    number = re.search(r"imports commit (\w+)", shown)[1]
    assert "imports undo" in run("imports", "commit", number, *TENANT)
    assert days() == [1500.0, 2500.0]
    for dialect in ("fr", "rfc4180"):
        copy = tmp_path / f"{dialect}.csv"
        run("imports", "export", number, str(copy), *TENANT, "--dialect", dialect)
        run("imports", "undo", number, *TENANT)
        assert days() == []
        again = json.loads(run("import", str(copy), *SERIES, "--commit", "--json"))
        assert (again["state"], again["refused"]["counts"]) == ("committed", {})
        assert days() == [1500.0, 2500.0]
        number = again["id"]
    listed = json.loads(run("imports", "list", *TENANT, "--json"))
    assert [row["state"] for row in listed].count("committed") == 1
    assert "3 imports." in run("imports", "list", *TENANT)


def test_leave_out_and_put_back(run, days, tmp_path):
    (tmp_path / "x.csv").write_text(FILE, encoding="utf-8")
    run("import", str(tmp_path / "x.csv"), *SERIES, "--commit")
    span = ["--start", "2023-01-02", "--end", "2023-01-03"]
    said = run("correct", "exclude", *SERIES, *span, "--why", "works")
    number = re.search(r"restore (\d+)", said)[1]
    assert days() == [1500.0, None]
    run("correct", "restore", number, *TENANT, "--why", "mistake")
    assert days() == [1500.0, 2500.0]
    lines = json.loads(run("correct", "list", *TENANT, "--json"))
    assert [line["kind"] for line in lines] == ["restore", "exclude", "import"]
    assert "3 corrections." in run("correct", "list", *TENANT)


def test_what_is_wrong_is_said(run, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n", encoding="utf-8")
    file = str(tmp_path / "x.csv")
    assert "no column" in run("import", file, *SERIES, code=2)
    assert "takes csv" in run("import", file, *SERIES, "--format", "pdf", code=2)
    assert "no site 'moon'" in run("import", file, *SERIES, "--site", "moon", code=2)
    assert "no import" in run("imports", "undo", "0", *TENANT, code=2)
    assert "no import" in run("imports", "export", "0", file, *TENANT, code=2)
    span = ["--start", "2023-01-05", "--end", "2023-01-03"]
    assert "say why" in run("correct", "exclude", *SERIES, *span, "--why", "x", code=2)
    assert "no exclusion 7" in run("correct", "restore", "7", *TENANT, code=2)
