"""What the code offers stands in the reference: keys, routes, quantities, factors, boards."""

import csv
import io
import re
import tomllib
from pathlib import Path

import pytest

from cobenefit_wire import units

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"


def _page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _lacking(names: set[str], text: str) -> list[str]:
    return sorted(name for name in names if f"`{name}`" not in text)


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def _keys(table: dict[str, object]) -> set[str]:
    """Return every key of a configuration, of tables and of arrays of tables alike."""
    found = set()
    for key, value in table.items():
        rows = [value] if isinstance(value, dict) else value
        inner = isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict)
        found |= set().union(*map(_keys, rows)) if inner else {key}
    return found


@pytest.mark.parametrize("part", ["gateway", "backend"])
def test_every_configuration_key_is_documented(part: str) -> None:
    text = (ROOT / f"{part}/cobenefit_{part}/sample.toml").read_text(encoding="utf-8")
    keys = _keys(tomllib.loads(text))
    keys |= set(re.findall(r"^# *(\w+) = ", text, re.MULTILINE))  # shown, but off by default
    assert len(keys) >= 3
    lost = _lacking(keys, _page(f"{part}.md"))
    assert not lost, f"docs/reference/{part}.md does not document {lost}"


def test_every_route_is_documented(tmp_path: Path) -> None:
    from cobenefit_backend.app import create_app
    from cobenefit_backend.config import BackendConfig

    app = create_app(BackendConfig(database_url=f"sqlite:///{tmp_path}/empty.sqlite3"))
    text = _page("backend.md") + _page("contracts.md")
    routes = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert routes
    lost = _lacking(routes, text)
    assert not lost, f"neither backend.md nor contracts.md documents {lost}"


def test_every_quantity_is_documented_as_it_is() -> None:
    rows = {
        cells[0].strip("` "): [cell.strip("` ") for cell in cells[1:6]]
        for cells in re.findall(
            r"^\| (`\w+`) \|" + r" ([^|]+) \|" * 5, _page("quantities.md"), re.MULTILINE
        )
    }
    assert set(rows) == set(units.QUANTITIES)
    for name, quantity in units.QUANTITIES.items():
        unit, kind, resolution, low, high = rows[name]
        assert (unit, kind) == (quantity.unit, quantity.kind), name
        # Powers of ten from 1 to 1e-6, written as decimal text: equal after one rounding.
        assert float(resolution) == float(f"1e{quantity.exponent}"), name
        assert (float(low), float(high)) == (quantity.low, quantity.high), name


def test_every_factor_is_documented() -> None:
    files = sorted((ROOT / "backend/cobenefit_backend/factors").glob("*.csv"))
    rows = [row for path in files for row in _rows(path)]
    assert rows
    lost = _lacking({row["id"] for row in rows}, _page("factors.md"))
    assert not lost, f"docs/reference/factors.md does not document {lost}"


def test_every_board_is_documented() -> None:
    boards = {path.stem for path in (ROOT / "boards/cobenefit_boards").glob("*.toml")}
    assert boards
    lost = _lacking(boards, _page("boards.md"))
    assert not lost, f"docs/reference/boards.md does not document {lost}"


def test_every_driver_is_documented() -> None:
    files = (ROOT / "firmware/cobenefit_node/drivers").glob("*.py")
    drivers = {path.stem for path in files if not path.name.startswith("_")}
    assert drivers
    lost = _lacking(drivers, _page("drivers.md"))
    assert not lost, f"docs/reference/drivers.md does not document {lost}"


def test_every_variable_of_the_environment_is_documented() -> None:
    found = {
        name
        for path in [*ROOT.glob("*/cobenefit_*/**/*.py"), ROOT / "Makefile"]
        for name in re.findall(r"\bCOBENEFIT_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    documented = set(re.findall(r"`(COBENEFIT_[A-Z_]+)(?:<n>)?`", _page("environment.md")))
    assert found == documented
