"""What the pages of webhooks show: the list with the form, and one with its last messages."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.database import Row
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import frame
from cobenefit_backend.pages.administration import Shown
from cobenefit_backend.report.words import Words
from cobenefit_backend.routes import forms
from cobenefit_backend.webhooks.address import MAX_LENGTH
from cobenefit_backend.webhooks.events import EVENTS
from cobenefit_backend.webhooks.stored import MAX_OUTBOX, MAX_WEBHOOKS, Webhooks

MESSAGES = 30
"""Messages of an outbox on its page."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the form holds, and what became of it.

    Parameters
    ----------
    url : str
        As it was typed.
    events : tuple of str
        As they were ticked.
    problem : str
        Key of the sentence that says why nothing was done.
    done : str
        What was done.
    shown : Shown or None
        A secret just made, in this answer only.
    """

    url: str = ""
    events: tuple[str, ...] = field(default=EVENTS)
    problem: str = ""
    done: str = ""
    shown: Shown | None = None


def listed(request: Request, caller: Caller, entry: Entry, status: int = 200) -> Response:
    """Return the page with the form and the list.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    entry : Entry
        The form.
    status : int, optional
        HTTP status. [1]

    Returns
    -------
    Response
        The answer; no cache keeps it.
    """
    language, config = frame.language_of(request), request.app.state.config
    words = Words.load(language)
    html = frame.html(
        "webhooks", language, words("webhooks"), owner=caller.tenant, form=forms.token(request),
        rows=_webhooks(request).listed(caller.tenant), entry=entry, events=EVENTS,
        on=bool(config.webhook_secret), private=config.webhooks_private, most=MAX_WEBHOOKS,
        longest=MAX_LENGTH,
    )  # fmt: skip
    answer = frame.answer(html, language, status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def one(request: Request, caller: Caller, name: str, done: str = "") -> Response:
    """Return the page of a webhook: how its deliveries fare.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    name : str
        Its id.
    done : str, optional
        What was done.

    Returns
    -------
    Response
        The answer.

    Raises
    ------
    RequestError
        404 when there is none.
    """
    language, words = frame.language_of(request), Words.load(frame.language_of(request))
    row = known(request, caller, name)
    outbox = _webhooks(request).outbox(caller.tenant, name) or []
    html = frame.html(
        "webhook", language, words("webhook_title"), owner=caller.tenant, row=row, done=done,
        form=forms.token(request), messages=[_message(each) for each in outbox[:MESSAGES]],
        held=len(outbox), most=MAX_OUTBOX,
    )  # fmt: skip
    return frame.answer(html, language)


def question(request: Request, caller: Caller, name: str) -> Response:
    """Return the page that asks before a webhook is removed.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller
        The administrator.
    name : str
        Its id.

    Returns
    -------
    Response
        The answer.
    """
    language = frame.language_of(request)
    words, row = Words.load(language), known(request, caller, name)
    html = frame.html(
        "confirm", language, words("webhook_remove"), owner=caller.tenant,
        action=f"/admin/webhooks/{name}/remove", form=forms.token(request),
        question=words("webhook_remove_question", url=row["url"]), yes=words("webhook_remove"),
        consequence=words("webhook_remove_consequence"), back="/admin/webhooks",
        back_word="webhooks_back",
    )  # fmt: skip
    return frame.answer(html, language)


def known(request: Request, caller: Caller, name: str) -> Row:
    """Return a webhook of the caller's tenant.

    Parameters
    ----------
    request : Request
        With the application.
    caller : Caller
        The administrator.
    name : str
        Its id.

    Returns
    -------
    dict
        As it is listed.

    Raises
    ------
    RequestError
        404 when there is none.
    """
    for row in _webhooks(request).listed(caller.tenant):
        if row["id"] == name:
            return row
    raise RequestError(404, "webhook", "no such webhook")


def _webhooks(request: Request) -> Webhooks:
    return Webhooks(request.app.state.store.database)


def _message(row: Row) -> Row:
    return {**row, "made": _time(row["created_ms"]), "next": _time(row["next_ms"])}


def _time(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
