"""`cobenefit factors`: list, show and check the factors, and write their reference page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_backend.errors import FactorError
from cobenefit_backend.factors.load import FOLDER, VERSIONS, load, released
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
        _refuse(str(error))
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
        _refuse(str(error))
    print(f"{len(factors)} factors, version {factors.version}, sha256 {factors.sha256}")
    known = released(folder).get(factors.version)
    if known not in (None, factors.sha256):
        _refuse(
            f"version {factors.version} was released as {known[:12]} and has changed since:"
            " raise version in sources.toml, then `cobenefit factors release`"
        )
    print("released" if known else "not released yet")


@app.command("release")
def _release(
    folder: Annotated[Path, typer.Argument(help="Folder of CSV files.")] = FOLDER,
) -> None:
    """Fix the digest of this version; a version released once can never mean other numbers."""
    factors = load(folder)
    known = released(folder)
    if known.get(factors.version, factors.sha256) != factors.sha256:
        _refuse(f"version {factors.version} is released: raise version in sources.toml")
    known[factors.version] = factors.sha256
    lines = [f'"{version}" = "{digest}"\n' for version, digest in sorted(known.items())]
    (folder / VERSIONS).write_text("".join(lines), encoding="utf-8")
    print(f"released {factors.version}, sha256 {factors.sha256}")


@app.command("diff")
def _diff(
    old: Annotated[Path, typer.Argument(help="Folder of the earlier set.", file_okay=False)],
    new: Annotated[Path, typer.Argument(help="Folder of the later set.")] = FOLDER,
) -> None:
    """Show what changed between two sets: values, ranges, sources, rows come and gone.

    Example: cobenefit factors diff old-checkout/backend/cobenefit_backend/factors
    """
    try:
        rows = list(differences(load(old), load(new)))
    except FactorError as error:
        _refuse(str(error))
    table = Table("id", "what", "old", "new", "change")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table if rows else "no difference")


def differences(old: FactorSet, new: FactorSet) -> Iterator[tuple[str, str, str, str, str]]:
    """Compare two sets row by row.

    Parameters
    ----------
    old, new : FactorSet
        The sets.

    Yields
    ------
    tuple of str
        Id, what changed, the old and the new text, and the change of a value [%].
    """
    for key in sorted({*old, *new}):
        if key not in new:
            yield key, "gone", f"{old[key].value:.6g}", "", ""
        elif key not in old:
            yield key, "new", "", f"{new[key].value:.6g}", ""
        else:
            yield from _changes(old[key], new[key])


def _changes(old: Factor, new: Factor) -> Iterator[tuple[str, str, str, str, str]]:
    for name in Factor.__dataclass_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        change = f"{after / before - 1:+.1%}" if name == "value" and before else ""
        yield old.id, name, str(before), str(after), change


def _refuse(message: str) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {message}", markup=False)
    raise typer.Exit(2)


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
    yield "Owner: `methods` rows belong to a method and are never replaced; `provider` rows are"
    yield "defaults that the operator's `local` rows may replace. A validity is our own reading of"
    yield "the source: from the first year of its data to the end of the year of this set."
    yield ""
    headings = ("id", "value", "range", "unit", "distribution", "place, year", "valid",
                "source (status)", "licence; owner")  # fmt: skip
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
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
        _validity(factor),
        f"{factor.source_id} ({factor.status})",
        f"{factor.licence}; {factor.owner}",
    )
    return f"| {' | '.join(cells)} |"


def _validity(factor: Factor) -> str:
    if factor.valid_from is None and factor.valid_to is None:
        return ""
    return f"{factor.valid_from or ''} to {factor.valid_to or ''}"
