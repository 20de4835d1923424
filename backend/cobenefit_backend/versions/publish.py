"""Publishing a version: because someone asks, or because it is due and something changed."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from cobenefit_backend.database import Row
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report import render
from cobenefit_backend.report.records import Report
from cobenefit_backend.versions import archive
from cobenefit_backend.versions.kept import LOOKED_AFTER, Versions
from cobenefit_backend.versions.schedule import Every, due_day

Status = Literal["draft", "validated"]
MAX_WHY = 500
SCHEDULE = "schedule"
"""Who publishes what is due."""


def publish(
    versions: Versions,
    report: Report,
    *,
    who: str,
    why: str,
    status: Status,
    now_ms: int,
    by: str = "",
    anyway: bool = False,
) -> Row:
    """Publish a report as its next version.

    Parameters
    ----------
    versions : Versions
        Where it is kept.
    report : Report
        The report.
    who, why : str
        Who publishes, and for what.
    status : {'draft', 'validated'}
        Whether somebody answers for it.
    now_ms : int
        Unix time. [ms]
    by : str, optional
        Who, for the audit log, where that is more than readers are told.
    anyway : bool, optional
        Also when nothing changed since the latest version.

    Returns
    -------
    mapping
        The version, see `kept.COLUMNS`.

    Raises
    ------
    RequestError
        422 for a reason of no or too many characters, 409 when nothing changed, or there are
        too many.
    """
    if not 0 < len(why.strip()) <= MAX_WHY:
        raise RequestError(422, "why", f"say why, in at most {MAX_WHY} characters")
    version = _version(report, who=who, why=why, status=status, now_ms=now_ms)
    latest = versions.latest(report.tenant)
    if latest and not anyway and _same(latest, version):
        raise RequestError(
            409,
            "unchanged",
            f"nothing changed since version {latest['number']}; ask to publish anyway",
        )
    return versions.add(report.tenant, version, archive.pack(report), by or who)


def publish_due(
    versions: Versions,
    tenant: str,
    report_of: Callable[[str], Report],
    every: Every,
    now_ms: int,
) -> Row | None:
    """Publish what is due; a date that was missed is made good once.

    Parameters
    ----------
    versions : Versions
        Where it is kept.
    tenant : str
        Whose.
    report_of : callable
        Returns the report of a tenant as it is now.
    every : {'monthly', 'quarterly', 'yearly'}
        How often.
    now_ms : int
        Unix time. [ms]

    Returns
    -------
    mapping or None
        The draft published; None when none was due, or nothing changed.
    """
    day = due_day(every, datetime.fromtimestamp(now_ms / 1000, tz=UTC).date()).isoformat()
    if versions.was_due(tenant, day):
        return None
    report = report_of(tenant)
    version = _version(report, who=SCHEDULE, why="", status="draft", now_ms=now_ms, due=day)
    latest = versions.latest(tenant)
    if latest and _same(latest, version):
        versions.pass_over(tenant, day)
        return None
    try:
        return versions.add(tenant, version, archive.pack(report), SCHEDULE)
    except RequestError as error:
        if error.kind == LOOKED_AFTER:  # by another process, while this one computed
            return None
        raise


def _version(
    report: Report, *, who: str, why: str, status: Status, now_ms: int, due: str = ""
) -> Row:
    made_from = report.generated_from
    return {
        "created_ms": now_ms,
        "who": who,
        "why": why,
        "status": status,
        "due": due,
        "method_version": made_from["method_version"],
        "factor_set": made_from["factor_set"]["version"],
        "factor_sha256": made_from["factor_set"]["sha256"],
        "code_version": made_from["code_version"],
        "data_sha256": made_from["data_sha256"],
        "report_sha256": digest(report),
    }


def digest(report: Report) -> str:
    """Return the SHA-256 of `report.json`, which holds every figure and what it was made from."""
    return hashlib.sha256(render.json_file(report).encode()).hexdigest()


def _same(latest: Row, version: Row) -> bool:
    """Whether a version would say what the latest says; to validate a draft says more."""
    validates = (latest["status"], version["status"]) == ("draft", "validated")
    return latest["report_sha256"] == version["report_sha256"] and not validates
