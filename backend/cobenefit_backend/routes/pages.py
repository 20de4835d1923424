"""What people read: the report, the data, the factors; and the report as JSON."""

import threading
from collections import defaultdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import Guard, bearer, reader, unknown
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report import render
from cobenefit_backend.report.build import build
from cobenefit_backend.report.memo import Memo
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import choose
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.store import Store

router = APIRouter(tags=["report"])
Tenant = Annotated[str | None, Depends(reader)]


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


class ReportCache:
    """The last report of each tenant, computed again only after something was stored.

    Parameters
    ----------
    store : Store
        Where the data stand.
    local_factors : str
        Folder of the operator's own factors; empty: none.
    """

    def __init__(self, store: Store, local_factors: str = "") -> None:
        self._store = store
        self._local_factors = local_factors
        self._lock = threading.Lock()
        self._reports: dict[str, tuple[int, Report]] = {}
        self._memos: defaultdict[str, Memo] = defaultdict(Memo)

    def get(self, tenant: str) -> Report:
        """Return the report of a tenant; one thread at a time computes."""
        with self._lock:
            number = self._store.change_number(tenant)
            known = self._reports.get(tenant)
            if known is None or known[0] != number:
                memo = self._memos[tenant]
                known = number, build(self._store, tenant, self._local_factors, memo=memo)
                self._reports[tenant] = known
            return known[1]

    def tenant(self, configured: str) -> str:
        """Return whose report the pages show."""
        if configured:
            return configured
        tenants = self._store.tenants()
        if len(tenants) == 1:
            return tenants[0]
        if not tenants:
            raise RequestError(404, "no-study", "nothing to report: load a study document first")
        raise RequestError(404, "tenant", "several tenants: set pages.tenant in the configuration")


def current_report(request: Request, tenant: str | None) -> Report:
    """Return the report of a tenant, or refuse who has none to read."""
    if tenant is None:
        raise unknown()
    cache: ReportCache = request.app.state.reports
    return cache.get(tenant)


async def _page(
    request: Request, tenant: str | None, name: render.PageName, lang: str | None
) -> Response:
    language = choose(lang, request.headers.get("accept-language", ""))
    if tenant is None:
        return RedirectResponse(f"/login?lang={language}", status_code=303)
    report = await run_in_threadpool(current_report, request, tenant)
    html = await run_in_threadpool(render.page, report, name, language)
    headers = {
        "Content-Security-Policy": f"{render.POLICY}; frame-ancestors 'none'",
        "Content-Language": language,
        "Vary": "Accept-Language, Authorization, Cookie",
        "Cache-Control": "private, no-cache",
    }
    return HTMLResponse(html, headers=headers)


@router.get("/report", response_class=HTMLResponse)
async def get_report(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Show the whole report."""
    return await _page(request, tenant, "report", lang)


@router.get("/data", response_class=HTMLResponse)
async def get_data(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Show what was stored, refused and lost."""
    return await _page(request, tenant, "data", lang)


@router.get("/factors", response_class=HTMLResponse)
async def get_factors(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Show the factors used, with their sources."""
    return await _page(request, tenant, "factors", lang)


@router.get("/v1/report", responses=refusals(401, 403, 404, 429))
async def get_report_json(request: Request, tenant: Tenant) -> Response:
    """Return the report as `report.json`."""
    report = await run_in_threadpool(current_report, request, tenant)
    return Response(render.json_file(report), media_type="application/json")
