"""The fleet for technicians: the table, a visit list, and the same as CSV."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import now_ms, unknown
from cobenefit_backend.exports import csv_file
from cobenefit_backend.pages import fleet_page, frame
from cobenefit_backend.pages.fleet import Fleet, fleet
from cobenefit_backend.pages.fleet_page import Asked
from cobenefit_backend.pages.when import iso
from cobenefit_backend.report.words import Language
from cobenefit_backend.routes.files import csv_answer
from cobenefit_backend.routes.pages import SignedIn

router = APIRouter(tags=["devices"])
Need = Literal["", "any", "silent", "battery", "lost", "resets", "coverage", "clock"]
MAX_PAGES = 100_000
MAX_TEXT = 64


def asked(
    need: Need = "",
    q: Annotated[str, Query(max_length=MAX_TEXT)] = "",
    page: Annotated[int, Query(ge=1, le=MAX_PAGES)] = 1,
) -> Asked:
    """Return what the form of the page asks for."""
    return Asked(need, q.strip(), page)


Form = Annotated[Asked, Depends(asked)]


@router.get("/fleet", response_class=HTMLResponse)
async def get_fleet(request: Request, tenant: SignedIn, form: Form) -> Response:
    """Show the devices, who needs somebody first."""
    return await _shown(request, tenant, form, fleet_page.page)


@router.get("/fleet/visits", response_class=HTMLResponse)
async def get_visits(request: Request, tenant: SignedIn, form: Form) -> Response:
    """Show the devices that need somebody, site by site, to be printed."""
    return await _shown(request, tenant, form, fleet_page.visits)


@router.get("/fleet.csv", response_class=Response)
async def get_fleet_csv(
    request: Request, tenant: SignedIn, form: Form, dialect: csv_file.Dialect = "rfc4180"
) -> Response:
    """Return the devices the form asks for as CSV."""
    if tenant is None:
        raise unknown()
    found = await run_in_threadpool(_fleet, request, tenant)
    nodes = found.chosen(form.need, form.text).nodes
    table = fleet_page.table(nodes, iso(found.now_ms, "UTC"))
    return csv_answer(table, dialect, f"{tenant}_fleet")


async def _shown(
    request: Request,
    tenant: str | None,
    form: Asked,
    page: Callable[[Fleet, Asked, Language, str], str],
) -> Response:
    if tenant is None:
        return frame.sign_in(request)
    language = frame.language_of(request)
    content = await run_in_threadpool(_page, request, tenant, form, page)
    return frame.answer(content, language)


def _page(
    request: Request,
    tenant: str,
    form: Asked,
    page: Callable[[Fleet, Asked, Language, str], str],
) -> str:
    language = frame.language_of(request)
    found = _fleet(request, tenant)
    return page(found, form, language, found.names.get(language, tenant))


def _fleet(request: Request, tenant: str) -> Fleet:
    return fleet(request.app.state.store, tenant, now_ms())
