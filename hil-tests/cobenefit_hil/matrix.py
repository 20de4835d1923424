"""Tests x boards on one page, from the records of their runs: what passed, failed, was not run.

html = page([record.read(path) for path in paths])
"""

from collections.abc import Iterable, Sequence
from html import escape

from cobenefit_gateway.page_html import STYLE
from cobenefit_hil.record import Record, Row

_WORDS = {"passed": "passed", "failed": "failed", "skipped": "skipped"}
_SIGNS = {"passed": "✓", "failed": "✗", "skipped": "–"}
_MORE_STYLE = (
    "body{max-width:72rem}th{overflow-wrap:normal}td{min-width:4.5rem}"
    "h3{font-size:1rem;margin:24px 0 4px}.failed{color:var(--alarm);font-weight:600}"
    ".skipped{color:var(--soft);font-style:italic}p{max-width:70ch}"
    "@media print{details{display:block}}"
)


def page(records: Sequence[Record]) -> str:
    """Return the page.

    Parameters
    ----------
    records : sequence of Record
        One column each, at least one.

    Returns
    -------
    str
        HTML that needs nothing else.
    """
    parts = (
        f"<h1>{escape(sentence(records))}</h1>",
        "<p>A skipped test is not a passed one: each is listed with its reason.</p>",
        _table(("board", "rig", "run at", "passed", "failed", "skipped", "duration", "software",
                "interpreter", "seed"), map(_run, records)),
        _wanting(records),
        "<h2>Tests</h2>",
        *(_file(name, records) for name in _files(records)),
        "<h2>Measured</h2>",
        _table(("board", "test", "what", "value", "unit"), _measurements(records)),
    )  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Boards</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}{_MORE_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def sentence(records: Sequence[Record]) -> str:
    """Return what the page says first.

    Parameters
    ----------
    records : sequence of Record
        At least one.

    Returns
    -------
    str
        One or more sentences.
    """
    failed, skipped = (sum(r.count(name) for r in records) for name in ("failed", "skipped"))
    names = ", ".join(record.rig for record in records)
    passed = sum(record.count("passed") for record in records)
    total = passed + failed + skipped
    if failed:
        said = f"{failed} of {total} tests failed on {names}; {passed} passed"
    else:
        said = f"{passed} of {total} tests passed on {names}, none failed"
    return said + (f", {skipped} were skipped." if skipped else ", none was skipped.")


def _files(records: Iterable[Record]) -> list[str]:
    return sorted({row.test.partition("::")[0] for record in records for row in record.rows})


def _run(record: Record) -> tuple[str, ...]:
    minutes, seconds = divmod(round(record.duration_s), 60)
    counts = (str(record.count(name)) for name in ("passed", "failed", "skipped"))
    when = record.started.replace("T", " ").replace("Z", " UTC")
    duration = f"{minutes} min {seconds:02d} s"
    return (
        record.board, record.rig, when, *counts, duration, record.software, record.interpreter,
        str(record.seed),
    )  # fmt: skip


def _wanting(records: Sequence[Record]) -> str:
    """Return what failed or was skipped, with the reason."""
    rows = [
        (record.rig, _WORDS[row.outcome], row.test.partition("::")[2], row.reason)
        for outcome in ("failed", "skipped")
        for record in records
        for row in record.rows
        if row.outcome == outcome
    ]
    return "<h2>Failed and skipped</h2>" + (
        _table(("rig", "outcome", "test", "reason"), rows) if rows else "<p>None.</p>"
    )


def _file(name: str, records: Sequence[Record]) -> str:
    by_test = [{row.test: row for row in record.rows} for record in records]
    tests = sorted({t for rows in by_test for t in rows if t.partition("::")[0] == name})
    head = ("test", *(record.rig for record in records))
    lines = (
        (escape(test.partition("::")[2]), *(_cell(rows.get(test)) for rows in by_test))
        for test in tests
    )
    return f"<h3>{escape(name)}</h3>" + _markup(head, lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return '<span class="skipped">– not in this run</span>'
    said = f"{_SIGNS[row.outcome]} {_WORDS[row.outcome]}"
    took = f" {row.seconds:.1f} s" if row.outcome != "skipped" else ""
    return f'<span class="{row.outcome}">{said}</span><span class="soft">{took}</span>'


def _measurements(records: Iterable[Record]) -> Iterable[tuple[str, ...]]:
    for record in records:
        for row in record.rows:
            for name, value, unit in row.measured:
                yield record.rig, row.test.partition("::")[2], name, f"{value:g}", unit


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _markup(head, ([escape(cell) for cell in row] for row in rows))


def _markup(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = (
        "<tr>"
        + "".join(f'<td data-name="{escape(name)}">{cell}</td>' for name, cell in zip(
            head, row, strict=True))
        + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
