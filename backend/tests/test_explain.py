"""Every figure can be recomputed from the text that explains it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from cobenefit_backend import estimate_cli
from cobenefit_backend.documents.answer import answer
from cobenefit_backend.estimate.quantity import plain
from cobenefit_backend.explain_cli import explain
from cobenefit_backend.factors.load import load

BIN = {"class": "car_petrol", "speed_kmh": 20, "vehicles": 100}
EV = {"class": "ev", "speed_kmh": 30, "vehicles": 7}
DAY = [float(i % 7 + 5) for i in range(365)]
THREE = {"low": 9, "central": 10, "high": 11}
DOCUMENTS = {
    "smart_meter": {"baseline_kwh": DAY, "reporting_kwh": [0.9 * x for x in DAY]},
    "soil": {"nitrogen_kg": 100, "fertiliser": "urea", "climate": "wet"},
    "traffic": {
        "length_km": 1.5, "before": [BIN, EV], "after": [BIN | {"speed_kmh": 25}, EV],
        "before_days": 2, "after_days": 3,
    },
    "remote_health": {
        "distance_km": [10, 20], "distance_source": "centroid", "asked": 9,
        "mode_share": {"car_ev": 0.5, "train": 0.3, "on_foot": 0.2}, "follow_ups": 1,
    },
    "remote_assistance": {"cases": 9, "resolved": 7, "km_per_visit": THREE},
    "industry": {
        "baseline_kwh": [50 + 3 * x for x in DAY], "reporting_kwh": [45 + 3 * x for x in DAY],
        "baseline_output": [DAY], "reporting_output": [DAY],
    },
    "data_centre": {
        "baseline_it_kwh": DAY, "baseline_total_kwh": [1.8 * x for x in DAY],
        "reporting_it_kwh": DAY, "reporting_total_kwh": [1.6 * x for x in DAY],
    },
    "surveillance": {
        "before": [30], "after": [20], "threshold": 25, "unit": "ug/m3",
        "releases": [{"gas": "ch4", "rate_kg_per_h": THREE, "hours_gained": THREE}],
    },
}  # fmt: skip


def evaluated(text):
    assert set(text) <= set("0123456789.e+-*/() ")
    return eval(text, {"__builtins__": {}})


@pytest.mark.parametrize("use_case", DOCUMENTS)
def test_the_printed_arithmetic_gives_the_reported_figure(use_case, tmp_path):
    result = plain(answer(use_case, json.dumps(DOCUMENTS[use_case]).encode(), load()))
    path = tmp_path / "in.json"
    path.write_text(json.dumps(DOCUMENTS[use_case]))
    printed = (
        CliRunner()
        .invoke(estimate_cli.app, [use_case, "--input", str(path), "--explain"])
        .stdout.splitlines()
    )
    figure = {"soil": "co2e_kg", "traffic": "net"}.get(use_case, "gross_kgco2e")
    assert evaluated(printed[2].strip(" =")) == pytest.approx(result[figure]["central"], rel=1e-9)
    assert printed[1].strip(" =") == result["equation"]
    for key in result["factor_ids"]:
        line = next(line for line in printed if line.startswith(f"  {key} = "))
        assert load()[key].licence in line


def test_an_indicator_has_no_equation(tmp_path):
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"hits": 1, "misses": 0, "false_alarms": 0}))
    result = CliRunner().invoke(
        estimate_cli.app, ["climate_event", "--input", str(path), "--explain"]
    )
    assert "no CO2e is claimed" in result.stdout


@pytest.fixture
def report_file(municipality, tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(municipality.get("/v1/report").content)
    return path


def run(*words):
    app = typer.Typer()
    app.command()(explain)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_published_figure_is_followed_back(report_file):
    report = json.loads(report_file.read_text())
    case = next(case for case in report["use_cases"] if case["study"] == "school")
    text = run(report_file, "school").stdout
    lines = text.splitlines()
    at = lines.index("net = gross - rebound - footprint [kgCO2e]")
    net = case["net_kgco2e"]["central"]
    assert evaluated(lines[at + 1].strip(" =")) == pytest.approx(net, rel=1e-9)
    at = lines.index("gross - rebound [kgCO2e]")
    gross = case["gross_kgco2e"]["central"] - case["rebound_kgco2e"]["central"]
    assert evaluated(lines[at + 2].strip(" =")) == pytest.approx(gross, rel=1e-9)
    for part in (report["generated_from"]["data_sha256"], "stored", "grid.fr.ademe.avg.lca"):
        assert part in text


def test_an_unknown_item_or_file_says_what_there_is(report_file, tmp_path):
    assert "school" in run(report_file).stdout
    wrong = run(report_file, "nowhere")
    assert wrong.exit_code == 2
    assert "known: " in wrong.stderr
    (tmp_path / "other.json").write_text("[]")
    assert run(tmp_path / "other.json").exit_code == 2
