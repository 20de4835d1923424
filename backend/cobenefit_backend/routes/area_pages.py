"""The map's areas for people: a file sent by a form, seen at once, replaced or removed."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.roles import Scope
from cobenefit_backend.areas import geojson, stored
from cobenefit_backend.errors import InputError
from cobenefit_backend.pages import areas, frame
from cobenefit_backend.pages.areas import Shown
from cobenefit_backend.pages.imports import Problem
from cobenefit_backend.report.words import Words
from cobenefit_backend.routes import forms
from cobenefit_backend.routes.pages import SignedIn
from cobenefit_backend.routes.territory import gather
from cobenefit_backend.routes.uploads import UPLOAD, Upload, upload

if TYPE_CHECKING:
    from cobenefit_backend.access.guard import Guard

router = APIRouter(prefix="/areas", tags=["territory"])
Sent = Annotated[Upload, Depends(upload(Scope.DOCUMENT))]
Filled = Annotated[forms.Filled, Depends(forms.form(Scope.DOCUMENT))]
DONE = ("stored", "removed")


@router.get("", response_class=HTMLResponse)
def get_areas(request: Request, tenant: SignedIn, done: str = "") -> Response:
    """Show the map with its areas, and the form that replaces them."""
    if tenant is None:
        return frame.sign_in(request)
    return _page(request, tenant, done=done if done in DONE else "")


@router.post("", openapi_extra=UPLOAD, response_class=HTMLResponse)
async def post_areas_form(request: Request, sent: Sent) -> Response:
    """Keep the areas of a file, replacing those before, and show the map."""
    return await run_in_threadpool(_stored, request, sent)


@router.get("/remove", response_class=HTMLResponse)
def get_remove_areas(request: Request, tenant: SignedIn) -> Response:
    """Ask before the areas are removed."""
    if tenant is None:
        return frame.sign_in(request)
    guard: Guard = request.app.state.guard
    guard.signed_in(request, Scope.DOCUMENT)
    language = frame.language_of(request)
    words = Words.load(language)
    html = frame.html(
        "confirm", language, words("areas_remove"), owner=tenant, action="/areas/remove",
        form=forms.token(request), question=words("areas_remove_question"), back="/areas",
        consequence=words("areas_remove_consequence"), yes=words("areas_remove"),
        back_word="areas_keep",
    )  # fmt: skip
    return frame.answer(html, language)


@router.post("/remove", openapi_extra=forms.FORM, response_class=HTMLResponse)
def post_remove_areas(request: Request, sent: Filled) -> Response:
    """Remove the areas."""
    database = request.app.state.store.database
    stored.put(database, sent.caller.tenant, [], str(sent.caller))
    return _done(request, "removed")


def _stored(request: Request, sent: Upload) -> Response:
    tenant = sent.caller.tenant
    if sent.too_large:
        return _page(request, tenant, problem=Problem("areas_wrong_large"), status=413)
    if not sent.content:
        return _page(request, tenant, problem=Problem("areas_wrong_none"), status=422)
    try:
        found = geojson.parse(sent.content, sent.file)
    except InputError as error:
        problem = Problem(f"areas_wrong_{error.kind}", str(error))
        return _page(request, tenant, problem=problem, status=422)
    stored.put(request.app.state.store.database, tenant, found, str(sent.caller))
    return _done(request, "stored" if found else "removed")


def _done(request: Request, what: str) -> Response:
    return RedirectResponse(f"/areas?lang={frame.language_of(request)}&done={what}", 303)


def _page(
    request: Request, tenant: str, *, done: str = "", problem: Problem | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    guard: Guard = request.app.state.guard
    may = guard.signed_in(request, Scope.READ).may(Scope.DOCUMENT)
    limit = min(request.app.state.config.max_body_bytes, geojson.MAX_BYTES)
    shown = Shown(tenant, forms.token(request) if may else "", limit, done, problem)
    gathered = gather(request, tenant)
    found = stored.outlined(request.app.state.store.database, tenant)
    language = frame.language_of(request)
    return frame.answer(areas.page(found, gathered, language, shown), language, status=status)
