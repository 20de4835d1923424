"""Webhooks for administrators: made, tried, switched off and removed by forms."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cobenefit_backend.access.guard import now_ms
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import frame
from cobenefit_backend.pages import webhooks as page
from cobenefit_backend.pages.administration import Shown
from cobenefit_backend.pages.webhooks import Entry
from cobenefit_backend.routes import forms
from cobenefit_backend.routes.admin import Visitor
from cobenefit_backend.webhooks import address, sign
from cobenefit_backend.webhooks.events import EVENTS, TEST, Event, state
from cobenefit_backend.webhooks.stored import Webhooks

router = APIRouter(prefix="/admin/webhooks", tags=["administration"])
Sent = Annotated[forms.Filled, Depends(forms.form(Scope.ADMIN))]
DONE = ("test", "disable", "enable", "removed")


def _webhooks(request: Request) -> Webhooks:
    return Webhooks(request.app.state.store.database)


@router.get("", response_class=HTMLResponse)
def get_webhooks_page(request: Request, visitor: Visitor, done: str = "") -> Response:
    """Show the webhooks, and the form that makes one."""
    if isinstance(visitor, Response):
        return visitor
    return page.listed(request, visitor, Entry(done=done if done in DONE else ""))


@router.post("", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_webhook_form(request: Request, sent: Sent) -> Response:
    """Make a webhook and show its signing secret, once."""
    url = sent.fields.get("url", "").strip()
    events = tuple(name for name in EVENTS if f"on-{name}" in sent.fields)
    problem, status = _wrong(request, url, events)
    if not problem:
        seen = state(request.app.state.store, sent.caller.tenant)
        try:
            name = _webhooks(request).create(
                sent.caller.tenant, url, events, seen, now_ms=now_ms(), by=str(sent.caller)
            )
        except RequestError as error:
            problem, status = "webhooks_too_many", error.status
        else:
            secret = sign.secret_of(request.app.state.config.webhook_secret, name)
            return page.listed(request, sent.caller, Entry(shown=Shown(url, secret)))
    return page.listed(request, sent.caller, Entry(url, events, problem), status)


def _wrong(request: Request, url: str, events: tuple[str, ...]) -> tuple[str, int]:
    config = request.app.state.config
    if not config.webhook_secret:
        return "webhooks_are_off", 409
    if found := address.fault(url, private=config.webhooks_private):
        return f"webhooks_wrong_{found[0]}", 422
    return ("", 200) if events else ("webhooks_wrong_events", 422)


@router.get("/{webhook}", response_class=HTMLResponse)
def get_webhook_page(request: Request, visitor: Visitor, webhook: str, done: str = "") -> Response:
    """Show one webhook, and what waits or died there."""
    if isinstance(visitor, Response):
        return visitor
    return page.one(request, visitor, webhook, done if done in DONE else "")


@router.post("/{webhook}", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_webhook_turn(request: Request, sent: Sent, webhook: str) -> Response:
    """Queue an event to try a webhook, switch it off, or on again."""
    what, caller, hooks = sent.fields.get("do", ""), sent.caller, _webhooks(request)
    row = page.known(request, caller, webhook)
    if what == "test":
        hooks.queue(caller.tenant, webhook, Event(TEST, {}), now_ms())
    elif what in ("disable", "enable"):
        hooks.change(
            caller.tenant, webhook, row["url"], row["events"], active=what == "enable",
            now_ms=now_ms(), by=str(caller),
        )  # fmt: skip
    else:
        raise RequestError(422, "form", "say what to do: test, disable or enable")
    return _led(request, f"/{webhook}", what)


@router.get("/{webhook}/remove", response_class=HTMLResponse)
def get_remove_webhook(request: Request, visitor: Visitor, webhook: str) -> Response:
    """Ask before a webhook is removed."""
    if isinstance(visitor, Response):
        return visitor
    return page.question(request, visitor, webhook)


@router.post("/{webhook}/remove", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_remove_webhook(request: Request, sent: Sent, webhook: str) -> Response:
    """Remove a webhook and what waits for it."""
    page.known(request, sent.caller, webhook)
    _webhooks(request).remove(sent.caller.tenant, webhook, by=str(sent.caller))
    return _led(request, "", "removed")


def _led(request: Request, path: str, done: str) -> Response:
    where = f"{router.prefix}{path}?lang={frame.language_of(request)}&done={done}"
    return RedirectResponse(where, status_code=303)
