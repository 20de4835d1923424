"""The commands of design 4.6, their keys, exit codes and schemas."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cobenefit_backend.documents.answer import DOCUMENTS
from cobenefit_backend.estimate_cli import app, schema_text

DATA = Path(__file__).parent / "estimate/data"
SCHEMAS = Path(__file__).parents[2] / "docs/reference/schemas"
PERIODS = {
    "--baseline-start": "2015-12-27",
    "--baseline-end": "2016-12-26",
    "--reporting-start": "2017-01-04",
    "--reporting-end": "2018-01-04",
}


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def baseline(*extra, fuel="electricity", file="il_electricity_cdd_hdd.csv", **changed):
    periods = PERIODS | {f"--{key.replace('_', '-')}": day for key, day in changed.items()}
    pairs = [word for pair in periods.items() for word in pair]
    return run("baseline", "--input", DATA / file, "--fuel", fuel, *pairs, *extra)


def test_baseline_finds_the_written_truth():  # C1
    result = baseline("--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["model"] == "hdd_cdd"
    assert data["savings_kwh"] == pytest.approx(855.18, abs=0.005)
    assert data["hdd_balance_degc"] == pytest.approx((54 - 32) / 1.8)
    assert data["cdd_balance_degc"] == pytest.approx((66 - 32) / 1.8)
    assert data["hdd_slope_kwh_per_degc"] == pytest.approx(1.1215 * 1.8, abs=1e-4)
    assert data["cdd_slope_kwh_per_degc"] == pytest.approx(2.2277 * 1.8, abs=1e-4)
    assert data["cv_rmse"] == pytest.approx(0.2528, abs=5e-5)
    assert data["significant"] is True
    assert data["fsu_90"] < 0.5
    named = {"r2_adj", "savings_ratio", "disqualifications", "evidence_class"}
    assert named <= data.keys()


def test_baseline_without_temperatures(tmp_path):
    lines = (DATA / "il_electricity_cdd_hdd.csv").read_text().splitlines()
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    data = json.loads(baseline("--json", file=bare).stdout)
    assert data["model"] == "intercept"
    assert data["disqualifications"][0]["code"] == "no_weather"


def test_baseline_outside_the_data_is_no_figure():
    result = baseline("--json", reporting_start="2030-01-01", reporting_end="2031-01-01")
    data = json.loads(result.stdout)
    assert data["evidence_class"] == "N"
    assert data["savings_kwh"] is None


@pytest.mark.parametrize(
    ("fuel", "changed", "message"),
    [
        ("water", {}, "--fuel: 'water' is not allowed, choose electricity or gas"),
        ("gas", {"baseline_end": "2015-12-27"}, "--baseline-end: 2015-12-27 must be after"),
    ],
)
def test_wrong_options_end_with_2(fuel, changed, message):
    result = baseline(fuel=fuel, **changed)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_wrong_file_names_line_and_range(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("start,energy_kwh,temperature_degc\n2016-01-01T00:00-06:00,5,80\n")
    result = baseline(file=bad)
    assert result.exit_code == 2
    assert "bad.csv: line 2: temperature_degc 80 is outside -60 to 60 degC" in result.stderr


def test_a_table_for_people(tmp_path):
    file = tmp_path / "soil.json"
    file.write_text('{"nitrogen_kg": 100, "fertiliser": "urea", "climate": "wet"}')
    result = run("soil", "--input", file)
    assert result.exit_code == 0
    assert "n2o_kg" in result.stdout
    assert "no_paired_design" in result.stdout


@pytest.mark.parametrize("use_case", DOCUMENTS)
def test_a_wrong_key_ends_with_2_and_a_missing_file_too(tmp_path, use_case):
    file = tmp_path / "in.json"
    file.write_text('{"colour": "red"}')
    result = run(use_case, "--input", file, "--json")
    assert result.exit_code == 2
    assert "in.json: $: " in result.stderr
    assert run(use_case, "--input", tmp_path / "none.json").exit_code == 2


@pytest.mark.parametrize("use_case", DOCUMENTS)
def test_the_committed_schemas_are_current(use_case):
    committed = (SCHEMAS / f"{use_case}.json").read_text(encoding="utf-8")
    assert committed == schema_text(use_case), "run `cobenefit estimate schemas`"


def test_schemas_are_written(tmp_path):
    assert run("schemas", "--output", tmp_path).exit_code == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(DOCUMENTS)


@pytest.fixture
def bills(tmp_path):
    """Return a file of 30-day bills and its weather, cut from the daily sample."""
    lines = (DATA / "il_electricity_cdd_hdd.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    first = next(i for i, row in enumerate(rows) if row[0].startswith("2015-12-27"))
    edges = range(first, len(rows), 30)
    paid = [sum(float(row[1] or 0) for row in rows[i : i + 30]) for i in edges]
    text = [f"{rows[i][0]},{use}" for i, use in zip(edges, paid, strict=True)]
    meter, weather = tmp_path / "bills.csv", tmp_path / "weather.csv"
    meter.write_text("\n".join(["start,energy_kwh", *text]) + "\n")
    degc = [f"{row[0]},{row[2]}" for row in rows]
    weather.write_text("\n".join(["start,temperature_degc", *degc]) + "\n")
    return meter, weather


def test_bills_find_the_written_truth(bills):
    meter, weather = bills
    result = baseline("--json", "--period", "billing", "--weather", weather, file=meter)
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["baseline_bills"] == 12
    assert data["model"] == "hdd_cdd"
    share, half_width = data["savings_ratio"], data["fsu_90"] * abs(data["savings_ratio"])
    assert share - half_width < 0.10 < share + half_width


def test_bills_without_weather_say_so(bills):
    data = json.loads(baseline("--json", "--period", "billing", file=bills[0]).stdout)
    assert data["model"] == "intercept"
    assert data["disqualifications"][0]["code"] == "no_weather"


def test_bills_outside_the_period_are_no_figure(bills):
    meter, weather = bills
    result = baseline(
        "--json", "--period", "billing", "--weather", weather, file=meter,
        reporting_start="2030-01-01", reporting_end="2031-01-01",
    )  # fmt: skip
    data = json.loads(result.stdout)
    assert (data["evidence_class"], data["savings_kwh"]) == ("N", None)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            ["--period", "weekly"],
            "--period: 'weekly' is not allowed, choose daily, hourly or billing",
        ),
        (["--weather", DATA / "il_gas_hdd_only.csv"], "--weather: is for --period billing"),
        (["--by-season", "--period", "hourly"], "--by-season: is for --period daily"),
        (["--accuracy", "mid_z"], "--accuracy: 'mid_z' is unknown, choose one of mid_a, mid_b"),
        (["--period", "hourly"], "column start: rows are further apart than an hour"),
    ],
)
def test_wrong_billing_options_end_with_2(extra, message):
    result = baseline(*extra)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.fixture
def hours(tmp_path):
    """Return two years of hours of a home that saves a tenth in the second."""
    rng = np.random.default_rng(4)
    start = datetime(2021, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    lines = ["start,energy_kwh,temperature_degc"]
    for hour in range(24 * 730):
        degc = 11 - 9 * np.cos(hour / 8766 * 2 * np.pi) + 4 * np.sin(hour % 24 / 24 * 2 * np.pi)
        use = (0.4 + 0.05 * max(16 - degc, 0)) * rng.uniform(0.7, 1.3)
        use *= 0.9 if hour >= 24 * 365 else 1.0
        moment = (start + timedelta(hours=hour)).isoformat()
        lines.append(f"{moment},{use:.4f},{degc:.2f}")
    path = tmp_path / "hours.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_hours_find_the_written_truth_beside_the_daily_model(hours):
    dates = {
        "baseline_start": "2021-01-01", "baseline_end": "2022-01-01",
        "reporting_start": "2022-01-01", "reporting_end": "2023-01-01",
    }  # fmt: skip
    result = baseline("--json", "--period", "hourly", "--accuracy", "mid_b", file=hours, **dates)
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["model"] == "hourly"
    assert data["savings_ratio"] == pytest.approx(0.10, abs=0.01)
    assert data["savings_daily_model_kwh"] == pytest.approx(data["savings_kwh"], rel=0.1)
    assert data["significant"] is True
    assert {row["code"] for row in data["disqualifications"]} == {"no_comparison_group"}


def test_the_split_model_and_another_meter_before_are_options():
    plain, split = (json.loads(baseline("--json", *o).stdout) for o in ((), ("--by-season",)))
    assert split["model"] == "split"
    assert split["savings_kwh"] == pytest.approx(plain["savings_kwh"], rel=0.5)
    changed = json.loads(baseline("--json", "--previous-accuracy", "mid_a").stdout)
    assert changed["fsu_90"] > plain["fsu_90"]
