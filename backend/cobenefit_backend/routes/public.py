"""The public page of a municipality: its last release, in full and nothing else.

A tenant that shows nothing and one that does not exist get the same answer by the same query.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse

from cobenefit_backend import publication
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import frame
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.routes.reading import refusals

router = APIRouter(tags=["public"])
_NAME = re.compile("[a-z0-9-]{1,32}")


def _counted(request: Request) -> Caller | None:
    """Count the request against the limit of its address; anybody may ask."""
    caller: Caller | None = request.app.state.guard.identify(request)
    return caller


Anybody = Annotated[Caller | None, Depends(_counted)]


def _shown(request: Request, tenant: str) -> dict[str, Any] | None:
    if not _NAME.fullmatch(tenant):
        return None
    return publication.shown(request.app.state.store, tenant)


def page(found: dict[str, Any] | None, language: Language) -> str:
    """Return the page of a release, or the one that says that nothing is published."""
    words = Words.load(language)
    if found is None:
        return frame.html("public_none", language, words("public_none"), nav=())
    day = datetime.fromtimestamp(found["released_ms"] / 1000, UTC).date().isoformat()
    title = words("public_title", name=found["names"][language])
    values: dict[str, Any] = {"release": found, "released": day, "unit_of": mass_unit}
    return frame.html("public", language, title, nav=(), **values)


@router.get(
    "/public/{tenant}",
    response_class=HTMLResponse,
    responses={404: {"description": "Nothing is published here", "content": {"text/html": {}}}},
)
def get_public(request: Request, _caller: Anybody, tenant: str) -> HTMLResponse:
    """Show what a municipality released to everybody."""
    found = _shown(request, tenant)
    language = frame.language_of(request)
    return frame.answer(page(found, language), language, status=200 if found else 404)


@router.get("/v1/public/{tenant}", responses=refusals(404))
def get_public_json(request: Request, _caller: Anybody, tenant: str) -> JSONResponse:
    """Return what a municipality released to everybody, as JSON."""
    found = _shown(request, tenant)
    if found is None:
        raise RequestError(404, "public", "nothing is published here")
    return JSONResponse(found)
