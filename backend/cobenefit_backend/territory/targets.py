"""What territories have decided: targets with their base, year and source, shipped and local.

A row needs a source, a licence and a status like a factor; without a base value it can be shown,
never compared. A local folder with the same three files adds territories and targets, or replaces
targets of the same id.
"""

import csv
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cobenefit_backend.errors import FactorError
from cobenefit_backend.factors.registry import DEFAULT_RELATIVE_RANGE

FOLDER = Path(__file__).parent
TARGETS, TERRITORIES, SOURCES = "targets.csv", "territories.csv", "sources.toml"
COLUMNS = (
    "id", "territory", "sector", "indicator", "base_year", "base_value", "unit", "change_ratio",
    "target_year", "source", "reference", "licence", "status", "note",
)  # fmt: skip
PLACE_COLUMNS = ("id", "name_en", "name_fr", "part_of")
REQUIRED = ("id", "territory", "sector", "indicator", "change_ratio", "source", "reference",
            "licence", "status")  # fmt: skip
UNITS = {"ghg": "kgCO2e/yr", "ghg_net": "kgCO2e/yr", "final_energy": "kWh/yr"}
"""Unit by indicator; `ghg_net` counts sinks against emissions."""
SECTORS = frozenset(("all", "buildings", "transport", "industry", "agriculture"))
YEARS = range(1990, 2101)


@dataclass(frozen=True, slots=True)
class Territory:
    """A place that decides targets.

    Attributes
    ----------
    id : str
        Stable name.
    names : dict
        Its name by language, with its article.
    part_of : str
        The territory around it; empty: none.
    """

    id: str
    names: dict[str, str]
    part_of: str


@dataclass(frozen=True, slots=True)
class Target:
    """A change a territory has decided.

    Attributes
    ----------
    id : str
        Stable dotted name.
    territory, sector, indicator : str
        Of whom, of which part, and of what; see `SECTORS` and `UNITS`.
    base_year, target_year : int or None
        Between which years; None where the source does not print it.
    base_value : float or None
        What it was in the base year. [unit]
    unit : str
        Unit of the base value.
    change_ratio : float
        Change to the base, -1 to 0. [1]
    source, reference : str
        Title and publisher, and the place in it.
    licence, status : str
        Licence of the figure, and how it was read (as a factor's).
    note : str
        Caveat: a key of the catalogue, or a sentence.
    """

    id: str
    territory: str
    sector: str
    indicator: str
    base_year: int | None
    base_value: float | None
    unit: str
    change_ratio: float
    target_year: int | None
    source: str
    reference: str
    licence: str
    status: str
    note: str

    @property
    def cut(self) -> float | None:
        """What is to be cut a year once the target is reached.

        Returns
        -------
        float or None
            Base value times the change, > 0; None without a base value. [unit]
        """
        return None if self.base_value is None else -self.change_ratio * self.base_value

    def level(self, year: int) -> float | None:
        """Return the level a straight line from base to target has in a year.

        Parameters
        ----------
        year : int
            The year; outside the line its nearest end holds. [1]

        Returns
        -------
        float or None
            The level; None where an end is unknown. [unit]
        """
        if self.base_value is None or self.base_year is None or self.target_year is None:
            return None
        share = (year - self.base_year) / (self.target_year - self.base_year)
        return self.base_value * (1 + self.change_ratio * min(max(share, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Plans:
    """All territories and their targets.

    Attributes
    ----------
    territories : dict
        By id.
    targets : dict
        By id.
    """

    territories: dict[str, Territory]
    targets: dict[str, Target]

    def around(self, territory: str) -> list[tuple[Territory, list[Target]]]:
        """Return the targets of a territory and of those around it, the nearest first.

        Parameters
        ----------
        territory : str
            Its id.

        Returns
        -------
        list of tuple
            Each territory with its targets; empty where the id is unknown.
        """
        found, place = [], self.territories.get(territory)
        while place is not None:
            own = [each for each in self.targets.values() if each.territory == place.id]
            found.append((place, own))
            place = self.territories.get(place.part_of)
        return found


@cache
def plans(folder: Path = FOLDER, local: Path | None = None) -> Plans:
    """Read the territories and targets of a folder, and the operator's over them.

    Parameters
    ----------
    folder : Path
        Folder with `targets.csv`, `territories.csv` and `sources.toml`.
    local : Path, optional
        Folder of the operator's with the same files.

    Returns
    -------
    Plans
        All of them.

    Raises
    ------
    FactorError
        Naming file, line and key of the first row refused.
    """
    territories: dict[str, Territory] = {}
    targets: dict[str, Target] = {}
    for each in (folder, *([local] if local else [])):
        territories |= dict(_territories(each, territories))
        targets |= dict(_targets(each, territories))
    return Plans(territories, targets)


def _territories(folder: Path, known: dict[str, Territory]) -> Iterator[tuple[str, Territory]]:
    seen = set(known)
    for line, row in _rows(folder, TERRITORIES, PLACE_COLUMNS):
        refused = "must not be empty" if not all(row[k] for k in PLACE_COLUMNS[:3]) else ""
        if row["id"] in seen:
            refused = "duplicate id"
        elif row["part_of"] and row["part_of"] not in seen:  # so that no chain runs in a circle
            refused = f"part_of {row['part_of']!r} must stand above it"
        if refused:
            raise FactorError(refused, file=TERRITORIES, line=line, key=row["id"] or "id")
        seen.add(row["id"])
        names = {"en": row["name_en"], "fr": row["name_fr"]}
        yield row["id"], Territory(row["id"], names, row["part_of"])


def _targets(folder: Path, places: dict[str, Territory]) -> Iterator[tuple[str, Target]]:
    sources = _sources(folder)
    seen: set[str] = set()
    for line, row in _rows(folder, TARGETS, COLUMNS):
        refused = _problem(row, places, sources)
        if row["id"] in seen:
            refused = "duplicate id"
        if refused:
            raise FactorError(refused, file=TARGETS, line=line, key=row["id"] or "id")
        seen.add(row["id"])
        yield (
            row["id"],
            Target(
                **{
                    **row,
                    "source": sources[row["source"]],
                    "base_year": int(row["base_year"]) if row["base_year"] else None,
                    "base_value": float(row["base_value"]) if row["base_value"] else None,
                    "change_ratio": float(row["change_ratio"]),
                    "target_year": int(row["target_year"]) if row["target_year"] else None,
                }  # type: ignore[arg-type]
            ),
        )


def _rows(
    folder: Path, name: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    path = folder / name
    if not path.exists():
        raise FactorError(f"missing in {folder}", file=name, key="file")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != columns:
            raise FactorError(
                f"columns must be {','.join(columns)}", file=name, line=1, key="header"
            )
        for row in reader:
            if None in row or None in row.values():
                raise FactorError(f"needs {len(columns)} cells", file=name, line=reader.line_num,
                                  key=row["id"])  # fmt: skip
            yield reader.line_num, row


def _sources(folder: Path) -> dict[str, str]:
    path = folder / SOURCES
    if not path.exists():
        raise FactorError(f"missing in {folder}", file=SOURCES, key="file")
    found = {}
    for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if missing := {"title", "publisher", "year"} - set(entry):
            raise FactorError(f"missing {', '.join(sorted(missing))}", file=SOURCES, key=key)
        found[key] = f"{entry['publisher']}, {entry['title']}, {entry['year']}"
    return found


def _problem(row: dict[str, str], places: dict[str, Territory], sources: dict[str, str]) -> str:
    """Return why a row can't be defended, empty where it can."""
    if empty := [column for column in REQUIRED if not row[column]]:
        return f"{', '.join(empty)} must not be empty"
    for column, allowed in (
        ("territory", places), ("sector", SECTORS), ("indicator", UNITS), ("source", sources),
        ("status", DEFAULT_RELATIVE_RANGE), ("unit", {UNITS.get(row["indicator"], "")}),
    ):  # fmt: skip
        if row[column] not in allowed:
            return f"unknown {column} {row[column]!r}, allowed: {', '.join(sorted(allowed))}"
    try:
        return _number_problem(row)
    except ValueError as error:
        return f"not a number: {error}"


def _number_problem(row: dict[str, str]) -> str:
    ratio, value = float(row["change_ratio"]), float(row["base_value"] or 1)
    years = [int(row[name]) for name in ("base_year", "target_year") if row[name]]
    found = {
        f"change_ratio is {ratio}: a cut lies in -1 to 0": not -1 <= ratio < 0,
        f"base_value is {value}: it must be positive": not (math.isfinite(value) and value > 0),
        "base_value and base_year are known together, or neither": (
            bool(row["base_value"]) != bool(row["base_year"])
        ),
        f"years are {years}: base before target, {YEARS[0]} to {YEARS[-1]}": (
            any(year not in YEARS for year in years) or years != sorted(set(years))
        ),
    }
    return next((text for text, wrong in found.items() if wrong), "")
