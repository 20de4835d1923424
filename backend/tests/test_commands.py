"""The command line loads documents and writes the report without a server."""

import json

import pytest
from typer.testing import CliRunner

from cobenefit_backend.commands import app

RUN = CliRunner()


@pytest.fixture
def options(tmp_path):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path / "x.sqlite3"}"\n')
    return ["--config", str(path)]


def _run(*words):
    return RUN.invoke(app, [str(word) for word in words])


def test_key_is_shown_once_and_alone(options):
    found = _run("key", "create", "demo", "--quiet", *options)
    assert found.exit_code == 0
    assert found.stdout.startswith("cbk_")
    assert len(found.stdout.split()) == 1


def test_study_weather_activities_report(options, tmp_path, study_document):
    study = tmp_path / "study.json"
    study.write_text(json.dumps(study_document))
    assert _run("load", "study", study, *options).exit_code == 0
    weather = tmp_path / "weather.csv"
    weather.write_text("t_ms,temperature_degc\n0,1.5\n3600000,2\n")
    facts = ["--tenant", "demo", "--station", "S1", "--source", "x", "--licence", "CC0"]
    found = _run("load", "weather", weather, *facts, *options)
    assert "Loaded 2 temperatures" in found.stdout
    log = tmp_path / "log.csv"
    log.write_text(
        "id,site,use_case,date,place,quantity,amount,unit,arm,evidence,author\n"
        "1,farm,soil,2024-04-01,strip 1,nitrogen,80,kg/ha,practice,log,me\n"
    )
    assert _run("activities", "import", log, "--tenant", "demo", *options).exit_code == 0
    html, out = tmp_path / "report.html", tmp_path / "report.json"
    found = _run("report", "--out-html", html, "--out-json", out, *options)
    assert found.exit_code == 0, found.output
    assert json.loads(out.read_text())["tenant"] == "demo"
    assert '<html lang="en">' in html.read_text()
    assert '<html lang="fr">' in (tmp_path / "report.fr.html").read_text()


@pytest.mark.parametrize(
    ("text", "part"),
    [("t,temperature\n", "columns must be"), ("t_ms,temperature_degc\n0,warm\n", "line 2")],
)
def test_a_wrong_file_is_refused_with_its_place(options, tmp_path, text, part):
    path = tmp_path / "w.csv"
    path.write_text(text)
    facts = ["--tenant", "demo", "--station", "S1", "--source", "x", "--licence", "y"]
    found = _run("load", "weather", path, *facts, *options)
    assert found.exit_code == 2
    assert part in found.stderr


def test_no_study_no_report(options, tmp_path):
    found = _run("report", "--out-json", tmp_path / "x.json", *options)
    assert found.exit_code == 2
    assert "load a study" in found.stderr


def test_every_command_shows_an_example():
    for words in (["serve"], ["migrate"], ["key", "create"], ["load", "study"], ["report"]):
        assert "Example:" in _run(*words, "--help").output
