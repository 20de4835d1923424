"""Read the factor CSV files and their sources, refusing a row nobody could defend.

A row needs a source, a licence, a known unit and distribution, and low <= value <= high.
Share-alike rows stand in a file of their own (`grid_co2js.csv`, CC BY-SA 4.0).

Three owners: `methods` and `provider` rows are shipped, `local` rows come from a folder of the
operator's with the same two kinds of file; they may replace what a provider publishes, never what
belongs to a method. A shipped set is fixed by `versions.toml`: version and SHA-256.
"""

import csv
import hashlib
import tomllib
from datetime import date
from functools import cache
from pathlib import Path

from cobenefit_backend.errors import FactorError
from cobenefit_backend.factors.registry import DEFAULT_RELATIVE_RANGE, Factor, FactorSet, Source

FOLDER = Path(__file__).parent
VERSIONS = "versions.toml"
COLUMNS = (
    "id", "value", "unit", "low", "high", "distribution", "geography", "year",
    "valid_from", "valid_to", "source_id", "reference", "licence", "status", "note", "owner",
)  # fmt: skip
UNITS = frozenset(
    (
        "kgCO2e", "kgCO2e/kWh", "kgCO2e/l", "kgCO2e/kg", "kgCO2e/kgN", "kgCO2e/t",
        "kgCO2e/cell", "kgCO2e/pkm", "gCO2e/GB", "kgN2O-N/kgN", "kgN/kgN", "l/h", "l/km",
        "l.h/km2", "l.h2/km3", "l/100km", "kWh/100km", "kWh/yr", "W", "yr", "ratio",
    )
)  # fmt: skip
DISTRIBUTIONS = frozenset(
    ("exact", "point", "uniform", "triangular", "pert", "pert95", "lognormal", "scenario")
)
NEED_RANGE = frozenset(("uniform", "triangular", "pert", "pert95"))
OWNERS = frozenset(("methods", "provider"))
LOCAL = frozenset(("local",))
REQUIRED = ("id", "unit", "source_id", "reference", "licence", "owner")


@cache
def load(folder: Path = FOLDER, local: Path | None = None) -> FactorSet:
    """Read every `*.csv` of a folder with its `sources.toml`, and the operator's rows over it.

    Parameters
    ----------
    folder : Path
        Folder of the files; the shipped set by default.
    local : Path, optional
        Folder of the operator's own rows, owner `local`.

    Returns
    -------
    FactorSet
        The factors, with version and SHA-256 of the files.

    Raises
    ------
    FactorError
        Naming file, line and key of the first row refused.
    """
    factors = _read_set(folder, OWNERS)
    return factors if local is None else factors.replaced(_read_set(local, LOCAL))


def released(folder: Path = FOLDER) -> dict[str, str]:
    """Return the SHA-256 of each released version of a folder.

    Parameters
    ----------
    folder : Path
        Folder with a `versions.toml`; without one nothing was released.

    Returns
    -------
    dict
        Version to digest.
    """
    path = folder / VERSIONS
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _read_set(folder: Path, owners: frozenset[str]) -> FactorSet:
    sources_path = folder / "sources.toml"
    if not sources_path.exists():
        raise FactorError(f"missing in {folder}", file="sources.toml", key="file")
    digest = hashlib.sha256(sources_path.read_bytes())
    version, sources = _read_sources(sources_path)
    factors: dict[str, Factor] = {}
    for path in sorted(folder.glob("*.csv")):
        digest.update(path.read_bytes())
        for line, factor in _read_rows(path, sources):
            if factor.id in factors:
                raise FactorError("duplicate id", file=path.name, line=line, key=factor.id)
            if factor.owner not in owners:
                allowed = ", ".join(sorted(owners))
                message = f"owner {factor.owner!r} does not belong here, allowed: {allowed}"
                raise FactorError(message, file=path.name, line=line, key=factor.id)
            factors[factor.id] = factor
    return FactorSet(factors, sources, version, digest.hexdigest())


def _read_sources(path: Path) -> tuple[str, dict[str, Source]]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    version = table.pop("version", "")
    if not version:
        raise FactorError('missing, write version = "YYYY.MM"', file=path.name, key="version")
    sources = {}
    for key, entry in table.items():
        missing = {"title", "publisher", "url", "read"} - set(entry)
        if missing:
            raise FactorError(f"missing {', '.join(sorted(missing))}", file=path.name, key=key)
        sources[key] = Source(id=key, **entry)
    return version, sources


def _read_rows(path: Path, sources: dict[str, Source]) -> list[tuple[int, Factor]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise FactorError(
                f"columns must be {','.join(COLUMNS)}", file=path.name, line=1, key="header"
            )
        return [
            (reader.line_num, _parse(row, path.name, reader.line_num, sources)) for row in reader
        ]


def _parse(row: dict[str, str], file: str, line: int, sources: dict[str, Source]) -> Factor:
    key = row["id"] or "id"

    def refuse(message: str) -> FactorError:
        return FactorError(message, file=file, line=line, key=key)

    if empty := [column for column in REQUIRED if not row[column]]:
        raise refuse(f"{', '.join(empty)} must not be empty")
    for column, allowed in (
        ("unit", UNITS),
        ("distribution", DISTRIBUTIONS),
        ("status", frozenset(DEFAULT_RELATIVE_RANGE)),
        ("source_id", frozenset(sources)),
    ):
        if row[column] not in allowed:
            raise refuse(
                f"unknown {column} {row[column]!r}, allowed: {', '.join(sorted(allowed))}"
            )
    try:
        value, low, high = float(row["value"]), _number(row["low"]), _number(row["high"])
    except ValueError as error:
        raise refuse(f"not a number: {error}") from error
    if problem := _range_problem(value, low, high, row["distribution"], row["note"]):
        raise refuse(problem)
    try:
        days = {name: _day(row[name]) for name in ("valid_from", "valid_to")}
    except ValueError as error:
        raise refuse(f"not a date YYYY-MM-DD: {error}") from error
    if days["valid_from"] and days["valid_to"] and days["valid_from"] > days["valid_to"]:
        raise refuse("valid_from lies after valid_to")
    parsed = {"value": value, "low": low, "high": high, **days}
    return Factor(**{**row, **parsed})  # type: ignore[arg-type]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _number(text: str) -> float | None:
    return float(text) if text else None


def _range_problem(
    value: float, low: float | None, high: float | None, distribution: str, note: str
) -> str:
    if (low is None) != (high is None):
        return "give low and high, or neither"
    if low is not None and high is not None and not low <= value <= high:
        return f"low <= value <= high does not hold: {low} <= {value} <= {high}"
    if low is None and distribution in NEED_RANGE:
        return f"a {distribution} distribution needs low and high"
    if distribution == "lognormal" and (value <= 0 or (low is not None and low <= 0)):
        return "a lognormal distribution needs value > 0 and low > 0; use pert95"
    if distribution == "exact" and not note:
        return "an exact factor must say in its note why it has no uncertainty"
    return ""
