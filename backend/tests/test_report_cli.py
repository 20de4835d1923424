"""Versions from the command line: published on demand, and by a timer when they are due."""

import json

import pytest
from typer.testing import CliRunner

from cobenefit_backend.commands import app

RUN = CliRunner()


@pytest.fixture
def run(tmp_path, study_document):
    """Run a command on a backend that holds one study document and a schedule."""
    config = tmp_path / "backend.toml"
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    config.write_text(f'[database]\nurl = "{url}"\n[report]\nschedule = "yearly"\n')
    study = tmp_path / "study.json"
    study_document["study"] = study_document["study"][-1:]
    study.write_text(json.dumps(study_document))

    def invoke(*words):
        return RUN.invoke(app, [*map(str, words), "--config", str(config)])

    assert invoke("load", "study", study).exit_code == 0
    return invoke


def test_on_demand_and_when_due(run):
    assert "demo: published version 1." in run("report", "due").output
    assert "demo: nothing to publish." in run("report", "due").output
    refused = run("report", "publish", "--why", "council")
    assert refused.exit_code == 2
    assert "nothing changed since version 1" in refused.output
    done = run("report", "publish", "--why", "council", "--status", "validated")
    assert done.exit_code == 0, done.output
    assert "Published version 2 of demo (validated), SHA-256 " in done.output


def test_without_a_schedule_nothing_is_ever_due(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path / "y.sqlite3"}"\n')
    found = RUN.invoke(app, ["report", "due", "--config", str(path)])
    assert found.exit_code == 2
    assert "report.schedule" in found.output


def test_an_unknown_schedule_is_refused(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text('[report]\nschedule = "weekly"\n')
    found = RUN.invoke(app, ["report", "due", "--config", str(path)])
    assert found.exit_code == 2
    assert "must be one of '', 'monthly', 'quarterly', 'yearly'" in found.output
