"""What people read: the report, the data, the factors; and the report as JSON."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import Guard, bearer, reader, unknown
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report import render
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.strangers import for_strangers
from cobenefit_backend.report.words import choose
from cobenefit_backend.routes.reading import refusals

if TYPE_CHECKING:
    from cobenefit_backend.report_cache import ReportCache
    from cobenefit_backend.store import Store

router = APIRouter(tags=["report"])
Tenant = Annotated[str | None, Depends(reader)]
Start = Annotated[int, Query(ge=0, le=1_000_000)]


def signed_in(request: Request) -> str | None:
    """Return whose pages the caller may read who is signed in, even where a report is public."""
    guard: Guard = request.app.state.guard
    try:
        return guard.signed_in(request, Scope.READ).tenant
    except RequestError as error:
        if error.status != HTTPStatus.UNAUTHORIZED or bearer(request):
            raise
        return None


SignedIn = Annotated[str | None, Depends(signed_in)]


def current_report(request: Request, tenant: str | None) -> Report:
    """Return the report of a tenant as the caller may read it, or refuse who has none to read.

    A program gets that of all that is stored, a page the last one where a new one takes long.
    """
    if tenant is None:
        raise unknown()
    cache: ReportCache = request.app.state.reports
    report = cache.get(tenant) if request.url.path.startswith("/v1/") else cache.shown(tenant)
    if not getattr(request.state, "stranger", False):
        return report
    store: Store = request.app.state.store
    return for_strangers(report, store.study(tenant) or b"{}")


async def _page(
    request: Request, tenant: str | None, name: render.PageName, lang: str | None, start: int = 0
) -> Response:
    language = choose(lang, request.headers.get("accept-language", ""))
    if tenant is None:
        return RedirectResponse(f"/login?lang={language}", status_code=303)
    report = await run_in_threadpool(current_report, request, tenant)
    html = await run_in_threadpool(render.page, report, name, language, start)
    headers = {
        "Content-Security-Policy": f"{render.POLICY}; frame-ancestors 'none'",
        "Content-Language": language,
        "Vary": "Accept-Language, Authorization, Cookie",
        "Cache-Control": "private, no-cache",
    }
    return HTMLResponse(html, headers=headers)


@router.get("/report", response_class=HTMLResponse)
async def get_report(
    request: Request, tenant: Tenant, lang: str | None = None, start: Start = 0
) -> Response:
    """Show the report, some studies at a time."""
    return await _page(request, tenant, "report", lang, start)


@router.get("/data", response_class=HTMLResponse)
async def get_data(
    request: Request, tenant: Tenant, lang: str | None = None, start: Start = 0
) -> Response:
    """Show what was stored, refused and lost."""
    return await _page(request, tenant, "data", lang, start)


@router.get("/factors", response_class=HTMLResponse)
async def get_factors(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Show the factors used, with their sources."""
    return await _page(request, tenant, "factors", lang)


@router.get("/v1/report", responses=refusals(401, 403, 404, 429))
async def get_report_json(request: Request, tenant: Tenant) -> Response:
    """Return the report as `report.json`."""
    report = await run_in_threadpool(current_report, request, tenant)
    return Response(render.json_file(report), media_type="application/json")
