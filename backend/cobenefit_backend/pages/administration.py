"""What the page of administration shows: people, credentials, settings, the audit log."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from cobenefit_backend.access import audit
from cobenefit_backend.access.credentials import SECRET_LIFE_MS, SESSION_LIFE_MS, Caller
from cobenefit_backend.access.grants import ROLES
from cobenefit_backend.access.guard import FAILURES_PER_MINUTE, now_ms
from cobenefit_backend.access.roles import PEOPLE, Role
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.database import Row
from cobenefit_backend.pages import frame
from cobenefit_backend.pages.when import moment
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Words
from cobenefit_backend.routes import forms

DAY_MS = 86_400_000
LINES = 50
"""Lines of the audit log on one page."""
KEY_ROLES = (Role.GATEWAY, *PEOPLE)


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential just made.

    Parameters
    ----------
    label : str
        Who or what it is for.
    token : str
        The credential.
    """

    label: str
    token: str


def overview(
    request: Request,
    caller: Caller,
    *,
    problem: str = "",
    done: str = "",
    shown: Shown | None = None,
    status: int = 200,
) -> Response:
    """Return the page.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    problem : str, optional
        Key of the sentence that says why nothing was done.
    done : str, optional
        What was done.
    shown : Shown or None, optional
        A credential just made, in this answer only.
    status : int, optional
        HTTP status. [1]

    Returns
    -------
    Response
        The answer; no cache keeps it.
    """
    language, state = frame.language_of(request), request.app.state
    words = Words.load(language)
    listed = state.guard.credentials.listed(caller.tenant)
    people = state.entrance.grants.listed(caller.tenant) if state.entrance else []
    html = frame.html(
        "admin", language, words("admin"), owner=caller.tenant, form=forms.token(request),
        problem=words(problem) if problem else "", done=done, credential=shown,
        provider=state.config.oidc, people=[_person(row) for row in people], person_roles=ROLES,
        credentials=_in_force(listed, Formatter(language)), key_roles=KEY_ROLES,
        secret_roles=PEOPLE, settings=_settings(state.config, caller, words),
    )  # fmt: skip
    answer = frame.answer(html, language, status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def question(
    request: Request, caller: Caller, action: str, name: str, **values: object
) -> Response:
    """Return the page that asks before something is taken away.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    action : str
        Where the answer yes goes.
    name : {'remove', 'revoke'}
        What is asked.
    **values
        What the question names.

    Returns
    -------
    Response
        The answer.
    """
    language = frame.language_of(request)
    words = Words.load(language)
    if "kind" in values:
        values["kind"] = words(f"admin_kind_{values['kind']}")
    html = frame.html(
        "confirm", language, words(f"admin_{name}_title"), owner=caller.tenant, action=action,
        form=forms.token(request), question=words(f"admin_{name}_question", **values),
        consequence=words(f"admin_{name}_consequence"), yes=words(f"admin_{name}"),
    )  # fmt: skip
    return frame.answer(html, language)


def log(request: Request, caller: Caller, before: int) -> Response:
    """Return one page of the audit log.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    before : int
        Lines older than this one; 0: the newest. [1]

    Returns
    -------
    Response
        The answer.
    """
    language = frame.language_of(request)
    database = request.app.state.store.database
    found = audit.before(database, caller.tenant, before, LINES + 1)
    lines = [{**row, "when": _time(row["t_ms"])} for row in found[:LINES]]
    html = frame.html(
        "audit", language, Words.load(language)("admin_audit"), owner=caller.tenant, lines=lines,
        newest=before > 0, older=lines[-1]["id"] if len(found) > LINES else 0,
    )  # fmt: skip
    return frame.answer(html, language)


def refused(request: Request) -> Response:
    """Return what someone sees who is signed in and no administrator."""
    language = frame.language_of(request)
    words = Words.load(language)
    html = frame.html("refused", language, words("admin"), text=words("admin_only"))
    return frame.answer(html, language, status=403)


def _person(row: Row) -> Row:
    return {**row, "seen": _day(row["seen_ms"]) if row["seen_ms"] else ""}


def _in_force(rows: list[Row], form: Formatter) -> list[Row]:
    now = now_ms()
    return [
        _credential(row, form) for row in rows if not row["expires_ms"] or row["expires_ms"] > now
    ]


def _credential(row: Row, form: Formatter) -> Row:
    until = f"{moment(form, row['expires_ms'], 'UTC')} UTC" if row["expires_ms"] else ""
    return {**row, "made": _day(row["created_ms"]), "until": until}


def _settings(config: BackendConfig, caller: Caller, words: Words) -> list[tuple[str, str]]:
    number = Formatter(words.language).exact
    hours, minutes = SESSION_LIFE_MS // 3_600_000, SECRET_LIFE_MS // 60_000
    return [
        ("tenant", caller.tenant),
        ("public", words("admin_yes" if config.tenant == caller.tenant else "admin_no")),
        ("provider", config.oidc.name if config.oidc else words("admin_nobody")),
        ("requests", number(config.requests_per_minute)),
        ("failures", number(FAILURES_PER_MINUTE)),
        ("session", words("admin_hours", count=hours)),
        ("secret", words("admin_minutes", count=minutes)),
        ("body", words("admin_megabytes", count=number(round(config.max_body_bytes / 1e6, 1)))),
        ("retention", words("admin_kept")),
    ]


def _time(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _day(t_ms: int) -> str:
    return _time(t_ms)[:10]
