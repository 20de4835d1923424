"""Imports for people: a file sent by a form, looked at, written or dropped, taken back."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import Guard, now_ms
from cobenefit_backend.access.roles import SCOPES, Scope
from cobenefit_backend.errors import InputError, RequestError
from cobenefit_backend.imports.batches import Imports, target_of
from cobenefit_backend.imports.formats import Format
from cobenefit_backend.pages import frame, imports
from cobenefit_backend.pages.imports import Desk, Entry, Problem
from cobenefit_backend.routes import forms
from cobenefit_backend.routes.pages import SignedIn
from cobenefit_backend.routes.uploads import UPLOAD, Upload, upload

if TYPE_CHECKING:
    from cobenefit_backend.access.credentials import Caller

router = APIRouter(tags=["imports"])
Sent = Annotated[Upload, Depends(upload(Scope.DOCUMENT))]
Filled = Annotated[forms.Filled, Depends(forms.form(Scope.DOCUMENT))]
ADDRESS = "/imports"
_SERIES_PROBLEMS = {"unknown_series", "bad_channel", "too_many"}


def _desk(request: Request, tenant: str) -> Desk:
    found: Guard = request.app.state.guard
    caller: Caller = found.signed_in(request, Scope.READ)
    may = Scope.DOCUMENT in SCOPES[caller.role]
    language = frame.language_of(request)
    form = forms.token(request) if may else ""
    return Desk(request.app.state.store, tenant, language, form)


def _list(request: Request, tenant: str, entry: Entry, status: int = 200) -> Response:
    desk = _desk(request, tenant)
    return frame.answer(imports.listed(desk, entry), desk.language, status=status)


@router.get(ADDRESS, response_class=HTMLResponse)
def get_imports_page(
    request: Request, tenant: SignedIn, start: Annotated[int, Query(ge=0, le=100_000)] = 0,
    device: Annotated[str, Query(max_length=65)] = "",
) -> Response:  # fmt: skip
    """Show the imports, and the form that reads a file."""
    if tenant is None:
        return frame.sign_in(request)
    limit = request.app.state.config.max_body_bytes
    return _list(request, tenant, Entry(limit, start, {"device": device}))


@router.post(ADDRESS, openapi_extra=UPLOAD, response_class=HTMLResponse)
async def post_import_form(request: Request, sent: Sent) -> Response:
    """Read a file and lead to what it would change; nothing is written yet."""
    return await run_in_threadpool(_previewed, request, sent)


def _previewed(request: Request, sent: Upload) -> Response:
    limit = request.app.state.config.max_body_bytes
    problem, status = _missing(sent)
    if problem is None:
        try:
            number = _preview(request, sent)
        except InputError as error:
            problem, status = _said(error), 422
        else:
            where = f"{ADDRESS}/{number}?lang={frame.language_of(request)}"
            return RedirectResponse(where, status_code=303)
    entry = Entry(limit, fields=sent.fields, problem=problem)
    return _list(request, sent.caller.tenant, entry, status)


def _missing(sent: Upload) -> tuple[Problem | None, int]:
    if sent.too_large:
        return Problem("imports_too_large"), 413
    if not sent.content:
        return Problem("imports_no_file"), 422
    return None, 422


def _preview(request: Request, sent: Upload) -> str:
    store, fields, tenant = request.app.state.store, sent.fields, sent.caller.tenant
    site, _, device = fields.get("device", "").partition("/")
    target = target_of(store.study(tenant), site, device, fields.get("channel", "").strip())
    chosen = fields.get("format", "")
    found = Imports(store.database).preview(
        tenant, target, sent.content, Format(chosen) if chosen in set(Format) else None,
        file=sent.file, replaces="replace" in fields, by=str(sent.caller), now_ms=now_ms(),
    )  # fmt: skip
    return str(found["id"])


def _said(error: InputError) -> Problem:
    known = error.kind in _SERIES_PROBLEMS
    return Problem(f"imports_{error.kind if known else 'unread'}", str(error))


@router.get(f"{ADDRESS}/{{imported}}", response_class=HTMLResponse)
def get_import_page(request: Request, tenant: SignedIn, imported: str) -> Response:
    """Show what an import would change or changed, and what it refused."""
    if tenant is None:
        return frame.sign_in(request)
    return _one(request, tenant, imported)


def _one(
    request: Request, tenant: str, number: str, problem: Problem | None = None, status: int = 200
) -> Response:
    desk = _desk(request, tenant)
    try:
        return frame.answer(imports.one(desk, number, problem), desk.language, status=status)
    except RequestError:
        return frame.answer(imports.gone(desk.language), desk.language, status=404)


@router.post(f"{ADDRESS}/{{imported}}", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_import_turn(request: Request, sent: Filled, imported: str) -> Response:
    """Write an import, drop its preview, or take it out again."""
    tenant, who = sent.caller.tenant, str(sent.caller)
    store = request.app.state.store
    turns = {"commit": Imports(store.database).commit, "undo": Imports(store.database).undo}
    turn = turns.get(sent.fields.get("do", ""))
    if turn is None:
        raise RequestError(422, "form", "say what to do: commit or undo")
    try:
        turn(tenant, imported.replace("\0", ""), by=who, now_ms=now_ms())
    except InputError as error:
        return _one(request, tenant, imported, _said(error), 422)
    except RequestError as error:
        return _one(request, tenant, imported, Problem("import_undone_before"), error.status)
    where = f"{ADDRESS}/{imported}?lang={frame.language_of(request)}"
    return RedirectResponse(where, status_code=303)
