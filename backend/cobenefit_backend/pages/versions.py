"""The pages of published versions: all of them, one, and what differs between two."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from cobenefit_backend.config import Schedule
from cobenefit_backend.database import Row
from cobenefit_backend.pages import frame
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import LANGUAGES, Language, Words
from cobenefit_backend.versions import archive, told
from cobenefit_backend.versions.desk import NOW, Desk, Which
from cobenefit_backend.versions.kept import MAX_VERSIONS
from cobenefit_backend.versions.publish import SCHEDULE
from cobenefit_backend.versions.schedule import next_day

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """What a visitor may do and is told on the page of all versions.

    Parameters
    ----------
    below : int
        Only versions below this number. [1]
    every : {'', 'monthly', 'quarterly', 'yearly'}
        How often a report is due.
    today : date
        The day, UTC.
    form : str
        What the form must carry; empty for who may not publish.
    problem : str
        Key of what went wrong with the form just sent; empty: nothing.
    """

    below: int
    every: Schedule
    today: date
    form: str
    problem: str


def listed(desk: Desk, language: Language, shown: Shown) -> str:
    """Return the page of all versions.

    Parameters
    ----------
    desk : Desk
        Whose versions.
    language : {'en', 'fr'}
        Its language.
    shown : Shown
        What is told beside.

    Returns
    -------
    str
        HTML.
    """
    words = Words.load(language)
    rows = desk.versions.listed(desk.tenant, shown.below, PER_PAGE + 1)
    latest = desk.versions.latest(desk.tenant)
    number = latest["number"] if latest else 0
    return frame.html(
        "versions", language, words("nav_versions"), owner=desk.name(language),
        lead=_lead(latest, words) if latest else words("versions_none"),
        latest=latest, stale=latest is not None and desk.is_stale(latest),
        schedule=_schedule(shown, words), rows=[_row(row, words) for row in rows[:PER_PAGE]],
        older=rows[PER_PAGE - 1]["number"] if len(rows) > PER_PAGE else None, form=shown.form,
        problem=shown.problem and words(shown.problem, number=number, count=MAX_VERSIONS),
    )  # fmt: skip


def _lead(row: Row, words: Words) -> str:
    return words("versions_lead", number=row["number"], status=_status(row, words),
                 day=_day(row, words))  # fmt: skip


def _status(row: Row, words: Words) -> str:
    return words(f"version_status_{row['status']}")


def _day(row: Row, words: Words) -> str:
    made = datetime.fromtimestamp(row["created_ms"] / 1000, tz=UTC).date()
    return Formatter(words.language).day(made.isoformat())


def _schedule(shown: Shown, words: Words) -> str:
    if not shown.every:
        return words("versions_schedule_none")
    day = Formatter(words.language).day(next_day(shown.every, shown.today).isoformat())
    return words("versions_schedule", every=words(f"every_{shown.every}"), day=day)


def _row(row: Row, words: Words) -> Row:
    """Return a version with its texts written."""
    form = Formatter(words.language)
    by_itself = row["who"] == SCHEDULE and row["due"]
    made = datetime.fromtimestamp(row["created_ms"] / 1000, tz=UTC)
    return {
        **row,
        "day": _day(row, words),
        "time": f"{made:%H:%M}\u00a0UTC",
        "status_told": _status(row, words),
        "reason": words("version_due", day=form.day(row["due"])) if by_itself else row["why"],
        "by": words("version_due_by") if by_itself else words("version_by", who=row["who"]),
    }


def one(desk: Desk, number: int, language: Language) -> str:
    """Return the page of a version.

    Parameters
    ----------
    desk : Desk
        Whose versions.
    number : int
        Which. [1]
    language : {'en', 'fr'}
        Its language.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    RequestError
        404 when there is none of that number.
    """
    words = Words.load(language)
    row = desk.versions.one(desk.tenant, number)
    names = archive.names(desk.versions.archive(desk.tenant, number))
    made_from = [
        (words(f"version_{label}"), row[key] or words("unknown_version"))
        for label, key in (
            ("method", "method_version"), ("factor_set", "factor_set"), ("code", "code_version"),
            ("data", "data_sha256"), ("report_sha", "report_sha256"), ("archive_sha", "sha256"),
        )
    ]  # fmt: skip
    return frame.html(
        "version", language, words("version_title", number=number), owner=desk.name(language),
        row=_row(row, words), made_from=made_from, files=_files(names, words),
        answered=words("version_validated" if row["status"] == "validated" else "version_draft"),
    )  # fmt: skip


def _files(names: list[str], words: Words) -> list[tuple[str, str]]:
    """Return the files a reader wants, their own language first, with what they are."""
    other = next(each for each in LANGUAGES if each != words.language)
    known = [
        *((f"report.{each}.html", words("version_page")) for each in (words.language, other)),
        *((f"report.{each}.pdf", "PDF") for each in (words.language, other)),
        *((f"report.{each}.xlsx", "XLSX") for each in (words.language, other)),
        ("results.fr.csv" if words.language == "fr" else "results.csv", "CSV"),
        ("report.json", "JSON"),
    ]
    found = [(name, kind) for name, kind in known if name in names]
    return [*found, ("report.zip", words("version_everything"))]


def compared(desk: Desk, old: int, new: Which, language: Language) -> str:
    """Return the page of what differs between two versions, or a version and now.

    Parameters
    ----------
    desk : Desk
        Whose versions.
    old : int
        Number of the older version. [1]
    new : int or 'now'
        The newer one.
    language : {'en', 'fr'}
        Its language.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    RequestError
        404 when there is none of a number, 409 when one can't be read.
    """
    words = Words.load(language)
    reader = Reader(words, Formatter(language))
    changes = desk.compared(old, new)
    newer = words("changes_now") if new == NOW else words("changes_version", number=new)
    title = words("changes_title", old=old, new=newer)
    return frame.html(
        "changes", language, title, owner=desk.name(language),
        opening=told.opening(changes, str(old), newer, reader),
        studies=[told.study(each, reader) for each in changes.studies],
        factors=told.factors(changes, reader), data=told.data(changes, reader),
        log=told.corrections(changes, reader),
        made_from=told.made_from(changes, reader), old=old, new=new,
    )  # fmt: skip
