"""What the pages of imports show: the form with what was refused, one import in full, the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cobenefit_backend import study
from cobenefit_backend.imports import look
from cobenefit_backend.imports.batches import MAX_PREVIEWS
from cobenefit_backend.imports.formats import Format
from cobenefit_backend.imports.records import MAX_SAMPLES
from cobenefit_backend.pages import frame, when
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.store import Store
from cobenefit_wire import units

ROWS = 40
"""Imports on one page."""
MAX_DEVICES = 200
"""More are not listed to choose from, so that the page stays small: they are typed."""
CHANNELS = sorted(name for name, q in units.QUANTITIES.items() if q.kind != units.EVENT)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was refused.

    Parameters
    ----------
    key : str
        Of the sentence.
    detail : str
        What the reader of the file said, in English; empty where the sentence says all.
    """

    key: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a page of imports is made: whose, for whom.

    Parameters
    ----------
    store : Store
        Where the imports are.
    tenant : str
        Whose.
    language : {'en', 'fr'}
        Of the page.
    form : str
        Token of its forms; empty for who may only read.
    """

    store: Store
    tenant: str
    language: Language
    form: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The form, as it was filled in.

    Parameters
    ----------
    limit_bytes : int
        What the server takes. [B]
    start : int
        First import of the list. [1]
    fields : dict
        What was typed before.
    problem : Problem or None
        Why it was refused.
    """

    limit_bytes: int
    start: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None


def listed(desk: Desk, entry: Entry) -> str:
    """Return the page with the form and the list.

    Parameters
    ----------
    desk : Desk
        Whose, for whom.
    entry : Entry
        The form.

    Returns
    -------
    str
        HTML.
    """
    words, form = Words.load(desk.language), Formatter(desk.language)
    database = desk.store.database
    found = look.recent(database, desk.tenant, entry.start, ROWS + 1)
    waiting, next_dropped = look.waiting(database, desk.tenant)
    known = _document(desk)
    devices = [f"{each.site}/{each.id}" for each in known.device] if known else []
    return frame.html(
        "imports", desk.language, words("imports"), owner=_owner(desk, known), form=desk.form,
        rows=[_row(row, words, form) for row in found[:ROWS]],
        older=entry.start + ROWS if len(found) > ROWS else 0, newest=entry.start > 0,
        waiting=waiting, next_dropped=next_dropped, most=MAX_PREVIEWS,
        devices=devices if len(devices) <= MAX_DEVICES else [], any_device=bool(devices),
        channels=CHANNELS, formats=list(Format), fields=entry.fields, problem=entry.problem,
        most_values=form.exact(MAX_SAMPLES), megabytes=form.exact(entry.limit_bytes // 10**5 / 10),
    )  # fmt: skip


def one(desk: Desk, number: str, problem: Problem | None = None) -> str:
    """Return the page of an import: what it would change or changed, and what it refused.

    Parameters
    ----------
    desk : Desk
        Whose, for whom.
    number : str
        Its id.
    problem : Problem or None, optional
        Why it could not be written.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    RequestError
        404 when there is none.
    """
    words, form = Words.load(desk.language), Formatter(desk.language)
    row = look.one(desk.store.database, desk.tenant, number)
    known = _document(desk)
    zones = {site.id: site.timezone for site in known.site} if known else {}
    zone = zones.get(row["site"], "UTC")
    refused = row["refused"]
    return frame.html(
        "import", desk.language, words("import_title", file=row["file"] or row["id"]),
        owner=_owner(desk, known), form=desk.form, row=_row(row, words, form), problem=problem,
        facts=_facts(row, words, form, zone), windows=_windows(row["summary"]["windows"], form),
        changes=_changes(row), earlier=row["summary"]["earlier"],
        counts=[(words.either(f"reason.{code}", code), form.exact(count))
                for code, count in refused["counts"].items()],
        total=sum(refused["counts"].values()),
        lines=[(number, words.either(f"reason.{code}", code), text)
               for number, code, text in refused["lines"]],
    )  # fmt: skip


def gone(language: Language) -> str:
    """Return the page of an import that is not there, or not any more."""
    words = Words.load(language)
    return frame.html("import_gone", language, words("import_gone"), most=MAX_PREVIEWS)


def _document(desk: Desk) -> study.StudyDocument | None:
    document = desk.store.study(desk.tenant)
    return None if document is None else study.parse(document)


def _owner(desk: Desk, known: study.StudyDocument | None) -> str:
    return str(getattr(known.names, desk.language)) if known else desk.tenant


def _row(row: Row, words: Words, form: Formatter) -> Row:
    made = datetime.fromtimestamp(row["made_ms"] / 1000, tz=UTC)
    dropped = row["state"] == "undone" and row["number"] == 0
    return {
        **row,
        "series": "/".join(row[name] for name in ("site", "device", "channel")),
        "made": f"{form.day(made.date().isoformat())}, {made:%H:%M}\u00a0UTC",
        "state_told": words("import_state_dropped" if dropped else f"import_state_{row['state']}"),
        "values": form.exact(row["summary"]["values"]),
    }


def _facts(row: Row, words: Words, form: Formatter, zone: str) -> list[tuple[str, str]]:
    summary = row["summary"]
    facts = [
        ("series", f"{row['site']}/{row['device']}/{row['channel']}"),
        ("format", words(f"import_format_{row['format']}")),
        ("values", form.exact(summary["values"])),
    ]
    ends = [
        (name, _sample(summary[name], summary["unit"], form, zone))
        for name in ("first", "last")
        if summary[name]
    ]
    return [*facts, *ends, ("replaces", words("import_yes" if row["replaces"] else "import_no"))]


def _sample(sample: Row, unit: str, form: Formatter, zone: str) -> str:
    ends = [sample["start_ms"], sample["end_ms"]]
    span = " – ".join(when.moment(form, t_ms, zone) for t_ms in dict.fromkeys(ends))
    return f"{form.exact(sample['value'])} {unit} ({span}, {zone})"


def _windows(windows: Row, form: Formatter) -> list[tuple[str, list[str]]]:
    kinds = ("new", "changed", "removed", "kept")
    return [
        (name, [form.exact(counts[kind]) for kind in kinds]) for name, counts in windows.items()
    ]


def _changes(row: Row) -> int:
    """Return how many days and hours are written; 0: the import would do nothing."""
    counts: Sequence[Row] = list(row["summary"]["windows"].values())
    return sum(each[kind] for each in counts for kind in ("new", "changed", "removed"))
