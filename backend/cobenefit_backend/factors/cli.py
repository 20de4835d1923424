"""`cobenefit factors`: list, show and check the factors, and write their reference page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_backend.errors import FactorError
from cobenefit_backend.factors.load import FOLDER, load
from cobenefit_backend.factors.registry import Factor, FactorSet

app = typer.Typer(no_args_is_help=True, help="Emission factors with range, source and licence.")


@app.command("list")
def _list(prefix: Annotated[str, typer.Argument(help="Start of the id.")] = "") -> None:
    """List the factors whose id starts with a prefix."""
    table = Table("id", "value", "range", "unit", "place, year", "status")
    for factor in load().values():
        if factor.id.startswith(prefix):
            low, high = factor.bounds
            where = f"{factor.geography}, {factor.year}"
            table.add_row(
                factor.id,
                f"{factor.value:.6g}",
                f"{low:.4g} .. {high:.4g}",
                factor.unit,
                where,
                factor.status,
            )
    Console(highlight=False).print(table)


@app.command("show")
def _show(factor_id: str) -> None:
    """Show one factor with its source."""
    factors = load()
    try:
        factor = factors[factor_id]
    except FactorError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False)
        raise typer.Exit(2) from error
    source = factors.sources[factor.source_id]
    for name in Factor.__dataclass_fields__:
        print(f"{name}: {getattr(factor, name)}")
    print(f"source: {source.publisher}, {source.title}, {source.url} (read {source.read})")


@app.command("check")
def _check(folder: Annotated[Path, typer.Argument(help="Folder of CSV files.")] = FOLDER) -> None:
    """Check a folder of factor files; exit code 2 names file, line and key."""
    try:
        factors = load(folder)
    except FactorError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False)
        raise typer.Exit(2) from error
    print(f"{len(factors)} factors, version {factors.version}, sha256 {factors.sha256}")


@app.command("page")
def _page(
    output: Annotated[Path, typer.Option(help="File to write.")] = Path(
        "docs/reference/factors.md"
    ),
) -> None:
    """Write the reference page of the factors."""
    output.write_text(reference_page(load()), encoding="utf-8")
    print(output)


def reference_page(factors: FactorSet) -> str:
    """Return the Markdown page that lists every factor and source.

    Parameters
    ----------
    factors : FactorSet
        The set to list.

    Returns
    -------
    str
        Markdown.
    """
    return "\n".join(_lines(factors)) + "\n"


def _lines(factors: FactorSet) -> Iterator[str]:
    yield "# Factors"
    yield ""
    yield "Written by `cobenefit factors page`; do not edit."
    yield f"Version {factors.version}, {len(factors)} factors."
    yield ""
    yield "A range in brackets is not published: it is the default for the status"
    yield "(seen 10 %, derived 20 %, secondary and provisional 30 %, recalled 50 %)."
    yield ""
    yield "| id | value | range | unit | distribution | place, year | source | licence | status |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for factor in factors.values():
        yield _row(factor)
    yield ""
    yield "## Sources"
    yield ""
    for key, source in sorted(factors.sources.items()):
        yield (
            f"* `{key}`: {source.publisher}, *{source.title}*, <{source.url}>, read {source.read}"
        )


def _row(factor: Factor) -> str:
    low, high = factor.bounds
    published = f"{low:.6g} to {high:.6g}"
    if factor.low is None:
        published = "none needed" if factor.distribution == "exact" else f"[{published}]"
    if factor.low is None and factor.distribution == "scenario":
        published = "scenario"
    cells = (
        f"`{factor.id}`",
        f"{factor.value:.6g}",
        published,
        factor.unit,
        factor.distribution,
        f"{factor.geography}, {factor.year}",
        factor.source_id,
        factor.licence,
        factor.status,
    )
    return f"| {' | '.join(cells)} |"
