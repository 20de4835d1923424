"""Read the territories' figures, targets and sectors, refusing a row without its source."""

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cobenefit_backend.errors import FactorError

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure of a territory.

    Attributes
    ----------
    id : str
        Stable dotted name.
    territory, quantity : str
        Of what it is the figure.
    value : float
        The figure. [unit]
    unit : str
        Its unit.
    year : int
        The year it holds for.
    source, reference : str
        Title and publisher, and the place in it.
    """

    id: str
    territory: str
    quantity: str
    value: float
    unit: str
    year: int
    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class Target:
    """A change a territory has decided.

    Attributes
    ----------
    id : str
        Stable dotted name.
    territory, quantity : str
        Of what it is the target.
    change_ratio : float
        Change to the reference, negative for a reduction. [1]
    from_year, to_year : int or None
        Reference year and year of the target; None where the source does not print it.
    source, reference : str
        Title and publisher, and the place in it.
    """

    id: str
    territory: str
    quantity: str
    change_ratio: float
    from_year: int | None
    to_year: int | None
    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a use case stands in the follow-up of a climate plan.

    Attributes
    ----------
    use_case : str
        The use case.
    sector_fr, sector_en : str
        Sector of a PCAET.
    lever_fr : str
        Lever of the ecological planning, as its platform names it; empty: none.
    gpc : str
        Subsector of the Global Protocol for Community-Scale Greenhouse Gas Inventories.
    secap : str
        Sector of a Sustainable Energy and Climate Action Plan of the Covenant of Mayors.
    compare_with : str
        Territorial indicator that may stand beside the figure, never receive it.
    additive : bool
        Whether figures of this use case are masses of CO2e at all.
    source, reference : str
        Title and publisher, and the place in it.
    """

    use_case: str
    sector_fr: str
    sector_en: str
    lever_fr: str
    gpc: str
    secap: str
    compare_with: str
    additive: bool
    source: str
    reference: str


@cache
def mappings(folder: Path = FOLDER) -> dict[str, Mapping]:
    """Return the place of each use case in a climate plan; FactorError names a row refused."""
    return {
        row["use_case"]: Mapping(
            **{**row, "additive": row["additive"] == "true"}  # type: ignore[arg-type]
        )
        for row in _rows(folder, "mapping.csv")
    }


@cache
def operat_columns(folder: Path = FOLDER) -> tuple[tuple[str, str], ...]:
    """Return name and field of each column of the yearly declaration, in order."""
    with (folder / "operat_columns.csv").open(encoding="utf-8", newline="") as file:
        return tuple((row["column"], row["field"]) for row in csv.DictReader(file))


@cache
def figures(folder: Path = FOLDER) -> dict[str, Figure]:
    """Return the published figures by id; FactorError names the first row refused."""
    return {
        row["id"]: Figure(
            **{**row, "value": float(row["value"]), "year": int(row["year"])}  # type: ignore[arg-type]
        )
        for row in _rows(folder, "figures.csv")
    }


@cache
def targets(folder: Path = FOLDER) -> dict[str, Target]:
    """Return the targets by id; FactorError names the first row refused."""
    return {
        row["id"]: Target(
            **{
                **row,
                "change_ratio": float(row["change_ratio"]),
                "from_year": int(row["from_year"]) if row["from_year"] else None,
                "to_year": int(row["to_year"]) if row["to_year"] else None,
            }  # type: ignore[arg-type]
        )
        for row in _rows(folder, "targets.csv")
    }


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    sources = tomllib.loads((folder / "sources.toml").read_text(encoding="utf-8"))
    with (folder / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            source = sources.get(row["source"])
            if source is None:
                message = f"unknown source {row['source']!r}, allowed: {', '.join(sources)}"
                raise FactorError(
                    message, file=name, line=reader.line_num, key=next(iter(row.values()))
                )
            title = f"{source['publisher']}, {source['title']}, {source['year']}"
            yield {**row, "source": title}
