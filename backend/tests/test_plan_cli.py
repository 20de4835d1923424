"""`cobenefit plan` says what is needed, and what can't be compared."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from cobenefit_backend.plan_cli import plan

METER = Path(__file__).parent / "estimate/data/il_electricity_cdd_hdd.csv"


def run(*words):
    app = typer.Typer()
    app.command()(plan)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_meter_gives_the_units_of_a_fleet():
    result = run("smart_meter", "--effect", 0.05, "--input", METER, "--start", "2027-01-01")
    assert result.exit_code == 0
    cells = [line.split("│") for line in result.stdout.splitlines() if line.count("│") == 3]
    rows = {cell[1].strip(): cell[2].strip() for cell in cells}
    assert int(rows["units"]) == int(rows["controls"]) > 1
    assert rows["best evidence class"] == "M"
    assert rows["earliest date of a figure"] == "2028-01-02"


def test_two_years_of_three_meters_show_how_homes_change(tmp_path):
    lines = METER.read_text().splitlines()
    paths = []
    for number, factor in enumerate((0.8, 1.0, 1.3)):
        rows = [lines[0]]
        for i, line in enumerate(lines[1:731]):
            start, energy, degc = line.split(",")
            drift = factor if i >= 365 else 1.0
            rows.append(f"{start},{float(energy or 0) * drift},{degc}")
        paths.append(tmp_path / f"home{number}.csv")
        paths[-1].write_text("\n".join(rows) + "\n")
    words = [word for path in paths for word in ("--input", path)]
    result = run("smart_meter", "--effect", 0.05, *words)
    assert "how units change from year to year" in " ".join(result.stdout.split())
    assert "units             │ 2 " not in result.stdout


def test_without_controls_the_class_is_said_and_with_few_units_the_least_effect():
    result = run("traffic", "--effect", 0.1, "--spread", 0.2, "--controls", 0, "--available", 10)
    assert "pre/post, no control" in result.stdout
    assert "15.7% is the smallest effect found" in result.stdout


def test_no_time_before_needs_controls():
    assert "staggered" in run("soil", "--effect", 0.1, "--spread", 0.3, "--no-pre-period").stdout
    wrong = run("soil", "--effect", 0.1, "--spread", 0.3, "--no-pre-period", "--controls", 0)
    assert (wrong.exit_code, "nothing can be compared" in wrong.stderr) == (2, True)


def test_counted_cases():
    assert "cases to log" in run("remote_health", "--share", 0.9).stdout


def test_what_is_missing_is_named():
    for words, text in (
        (("smart_meter",), "--effect is missing"),
        (("smart_meter", "--effect", 0.1), "--input METER.csv"),
        (("teleport",), "no use case"),
    ):
        result = run(*words)
        assert result.exit_code == 2
        assert text in result.stderr
