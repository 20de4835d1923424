"""Administration of a tenant for people: who may sign in, keys, secrets, the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cobenefit_backend.access.credentials import Caller, Credentials, Kind
from cobenefit_backend.access.grants import ROLES, Grants
from cobenefit_backend.access.guard import now_ms
from cobenefit_backend.access.roles import PEOPLE, Role, Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import administration, frame
from cobenefit_backend.pages.administration import DAY_MS, KEY_ROLES, Shown
from cobenefit_backend.routes import forms
from cobenefit_backend.routes.forms import Filled
from cobenefit_backend.routes.login import identified

router = APIRouter(prefix="/admin", tags=["administration"])
Sent = Annotated[Filled, Depends(forms.form(Scope.ADMIN))]
MAX_DAYS = 3650
DONE = ("invited", "changed", "removed", "revoked")
_MAX_WHO, _MAX_LABEL = 254, 100
_CONFLICTS = {"person": "admin_person", "too-many": "admin_too_many"}


def _visitor(request: Request) -> Caller | Response:
    """Return the administrator, or what someone else gets."""
    caller = identified(request)
    if caller is None:
        return frame.sign_in(request)
    return caller if caller.may(Scope.ADMIN) else administration.refused(request)


Visitor = Annotated[Caller | Response, Depends(_visitor)]


def _grants(request: Request) -> Grants:
    if request.app.state.entrance is None:
        raise RequestError(404, "provider", "no provider is configured")
    found: Grants = request.app.state.entrance.grants
    return found


def _credentials(request: Request) -> Credentials:
    found: Credentials = request.app.state.guard.credentials
    return found


def _done(request: Request, what: str) -> Response:
    return RedirectResponse(f"/admin?lang={frame.language_of(request)}&done={what}", 303)


def _wrong(request: Request, sent: Filled, problem: str, status: int = 422) -> Response:
    return administration.overview(request, sent.caller, problem=problem, status=status)


@router.get("", response_class=HTMLResponse)
def get_admin(request: Request, visitor: Visitor, done: str = "") -> Response:
    """Show who may do what, and the settings."""
    if isinstance(visitor, Response):
        return visitor
    return administration.overview(request, visitor, done=done if done in DONE else "")


@router.get("/audit", response_class=HTMLResponse)
def get_audit_page(
    request: Request, visitor: Visitor, before: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """Show the audit log, fifty lines at a time."""
    if isinstance(visitor, Response):
        return visitor
    return administration.log(request, visitor, before)


@router.post("/people", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_person(request: Request, sent: Sent) -> Response:
    """Let a person of the provider in."""
    who, role = sent.fields.get("who", "").strip(), sent.fields.get("role", "")
    if not 0 < len(who) <= _MAX_WHO or not who.isprintable() or " " in who:
        return _wrong(request, sent, "admin_bad_who")
    if role not in ROLES:
        return _wrong(request, sent, "admin_bad_role")
    try:
        _grants(request).invite(
            sent.caller.tenant, who, role, now_ms=now_ms(), by=str(sent.caller)
        )
    except RequestError as error:
        return _conflict(request, sent, error)
    return _done(request, "invited")


@router.post("/people/{person}/role", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_role(request: Request, sent: Sent, person: str) -> Response:
    """Give a person another role; their sessions end."""
    role = sent.fields.get("role", "")
    if role not in ROLES:
        return _wrong(request, sent, "admin_bad_role")
    if _grants(request).change(sent.caller.tenant, person, role, by=str(sent.caller)):
        return _done(request, "changed")
    return _wrong(request, sent, "admin_gone", 404)


@router.get("/people/{person}/remove", response_class=HTMLResponse)
def get_removal(request: Request, visitor: Visitor, person: str) -> Response:
    """Ask before a person is removed."""
    if isinstance(visitor, Response):
        return visitor
    for row in _grants(request).listed(visitor.tenant):
        if row["person"] == person:
            action, who = f"/admin/people/{person}/remove", row["email"] or row["subject"]
            return administration.question(request, visitor, action, "remove", who=who)
    return administration.overview(request, visitor, problem="admin_gone", status=404)


@router.post("/people/{person}/remove", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_removal(request: Request, sent: Sent, person: str) -> Response:
    """Remove a person; their sessions end."""
    if _grants(request).revoke(sent.caller.tenant, person, by=str(sent.caller)):
        return _done(request, "removed")
    return _wrong(request, sent, "admin_gone", 404)


@router.post("/credentials", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_credential_form(request: Request, sent: Sent) -> Response:
    """Make a key or a one-time secret, and show it in this answer only."""
    fields = sent.fields
    label, days = fields.get("label", "").strip(), fields.get("days", "").strip()
    roles = {"key": KEY_ROLES, "secret": PEOPLE}.get(fields.get("kind", ""), ())
    if not 0 < len(label) <= _MAX_LABEL or not label.isprintable():
        return _wrong(request, sent, "admin_bad_label")
    if days and not (days.isascii() and days.isdigit() and 0 < int(days[:9]) <= MAX_DAYS):
        return _wrong(request, sent, "admin_bad_days")
    if fields.get("role") not in roles:
        return _wrong(request, sent, "admin_bad_role")
    kind = Kind(fields["kind"])
    try:
        token = _credentials(request).create(
            sent.caller.tenant, kind, Role(fields["role"]), label, now_ms=now_ms(),
            by=str(sent.caller), life_ms=int(days) * DAY_MS if days and kind is Kind.KEY else None,
        )  # fmt: skip
    except RequestError as error:
        return _conflict(request, sent, error)
    return administration.overview(request, sent.caller, shown=Shown(label, token))


@router.get("/credentials/{id}/revoke", response_class=HTMLResponse)
def get_revocation(request: Request, visitor: Visitor, id: str) -> Response:  # noqa: A002
    """Ask before a credential is revoked."""
    if isinstance(visitor, Response):
        return visitor
    for row in _credentials(request).listed(visitor.tenant):
        if row["id"] == id:
            action = f"/admin/credentials/{id}/revoke"
            return administration.question(
                request, visitor, action, "revoke",
                kind=row["kind"], label=row["label"], ending=row["ending"],
            )  # fmt: skip
    return administration.overview(request, visitor, problem="admin_gone", status=404)


@router.post("/credentials/{id}/revoke", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_revocation(request: Request, sent: Sent, id: str) -> Response:  # noqa: A002
    """Make a credential void at once."""
    if _credentials(request).revoke(sent.caller.tenant, id, by=str(sent.caller)):
        return _done(request, "revoked")
    return _wrong(request, sent, "admin_gone", 404)


def _conflict(request: Request, sent: Filled, error: RequestError) -> Response:
    problem = _CONFLICTS.get(error.kind)
    if problem is None:
        raise error
    return _wrong(request, sent, problem, error.status)
