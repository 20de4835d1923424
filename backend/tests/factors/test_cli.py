"""The reference page is current, and the commands answer."""

import shutil
from pathlib import Path

from typer.testing import CliRunner

from cobenefit_backend.factors.cli import app, reference_page
from cobenefit_backend.factors.load import FOLDER, load, released

PAGE = Path(__file__).parents[3] / "docs/reference/factors.md"


def test_the_reference_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference_page(load()), (
        "run `cobenefit factors page`"
    )


def test_show_prints_the_source():
    result = CliRunner().invoke(app, ["show", "soil.ef5"])
    assert result.exit_code == 0
    assert "IPCC" in result.stdout


def test_check_names_the_bad_row(tmp_path):
    (tmp_path / "sources.toml").write_text("")
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 2
    assert "sources.toml" in result.stderr


def test_list_filters_by_prefix():
    result = CliRunner().invoke(app, ["list", "gwp100"])
    assert "gwp100.n2o.ar5" in result.stdout
    assert "soil" not in result.stdout


def test_a_released_version_can_not_change(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "set")
    folder = tmp_path / "set"
    assert CliRunner().invoke(app, ["release", str(folder)]).exit_code == 0
    assert "released" in CliRunner().invoke(app, ["check", str(folder)]).stdout
    path = folder / "factors.csv"
    path.write_text(path.read_text().replace("soil.ef5,0.011,", "soil.ef5,0.012,"))
    load.cache_clear()
    for command in ("check", "release"):
        result = CliRunner().invoke(app, [command, str(folder)])
        assert result.exit_code == 2
        assert "raise version" in result.stderr
    result = CliRunner().invoke(app, ["diff", str(FOLDER), str(folder)])
    assert "soil.ef5" in result.stdout
    assert "+9.1%" in result.stdout


def test_the_shipped_set_is_what_was_released():
    factors = load()
    assert released().get(factors.version) == factors.sha256, (
        "raise version in sources.toml, then `cobenefit factors release`"
    )
