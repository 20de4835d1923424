"""The first page, the pages of the sites, and the map: as people and as programs read it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import study as studies
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow, now_ms, unknown
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.areas import geojson, stored
from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports import csv_file
from cobenefit_backend.factors.load import load as load_factors
from cobenefit_backend.pages import exported, frame, portfolio
from cobenefit_backend.pages import site as site_page
from cobenefit_backend.pages.portfolio import Choice, Gathered
from cobenefit_backend.routes.pages import SignedIn, Tenant, current_report
from cobenefit_backend.routes.reading import read_body, refusals

if TYPE_CHECKING:
    from cobenefit_backend.store import Store

router = APIRouter(tags=["territory"])
Reader = Annotated[Caller, Depends(allow(Scope.READ))]
Officer = Annotated[Caller, Depends(allow(Scope.DOCUMENT))]
_GEOJSON = "application/geo+json"
_AREAS: dict[str, Any] = {
    "requestBody": {"required": True, "content": {_GEOJSON: {"schema": {"type": "object"}}}},
    "security": [{"key": []}],
}


def gather(request: Request, tenant: str | None, *, whole: bool = False) -> Gathered | None:
    """Return what the pages of a tenant show, None while it has no study document.

    Parameters
    ----------
    request : Request
        With the application.
    tenant : str or None
        Whose.
    whole : bool, optional
        Areas with their polygons, which the pages do not need.

    Returns
    -------
    Gathered or None
        Report, document, areas and ledgers.
    """
    if tenant is None:
        raise unknown()
    store: Store = request.app.state.store
    document = store.study(tenant)
    if document is None:
        return None
    local = request.app.state.config.local_factors
    return Gathered(
        report=current_report(request, tenant),
        document=studies.parse(document),
        areas=stored.outlined(store.database, tenant, whole=whole),
        ledgers=store.health(tenant),
        factors=load_factors(local=Path(local)) if local else load_factors(),
    )


def chosen(
    use_case: str = "",
    site: str = "",
    start: Annotated[int, Query(ge=0, le=100_000)] = 0,
    attention: Literal["", "all"] = "",
) -> Choice:
    """Return what the reader chose in the form, or by a link."""
    return Choice(use_case, site, start, everything=attention == "all")


async def _page(
    request: Request, tenant: str | None, show: Callable[[Gathered | None], str]
) -> Response:
    if tenant is None:
        return frame.sign_in(request)
    gathered = await run_in_threadpool(gather, request, tenant)
    html = await run_in_threadpool(show, gathered)
    return frame.answer(html, frame.language_of(request))


@router.get("/", response_class=HTMLResponse)
async def get_portfolio(
    request: Request,
    tenant: Tenant,
    known: SignedIn,
    choice: Annotated[Choice, Depends(chosen)],
) -> Response:
    """Show what the deployment avoids, where, and what needs someone; no device to a stranger."""
    language = frame.language_of(request)

    def show(gathered: Gathered | None) -> str:
        if gathered is None:
            return portfolio.welcome(language)
        ledgers = gathered.ledgers if known else []
        known_now, now = replace(gathered, ledgers=ledgers), now_ms()
        return portfolio.page(known_now, language, choice, now, draws=bool(known))

    return await _page(request, tenant, show)


@router.get("/sites/{site}", response_class=HTMLResponse)
async def get_site(request: Request, tenant: SignedIn, site: str) -> Response:
    """Show one site: studies, devices, footprint, activities."""

    def show(gathered: Gathered | None) -> str:
        known = [each.id for each in gathered.document.site] if gathered else []
        if gathered is None or site not in known:
            raise RequestError(404, "site", f"no site {site!r} in the study document")
        log = request.app.state.store.activities(gathered.document.tenant)
        return site_page.page(gathered, site, log, frame.language_of(request), now_ms())

    return await _page(request, tenant, show)


@router.get("/map.csv", response_class=Response)
async def get_map_csv(
    request: Request, caller: Reader, dialect: csv_file.Dialect = "rfc4180"
) -> Response:
    """Return the map as CSV."""
    gathered = await run_in_threadpool(_known, request, caller.tenant)
    content = csv_file.csv_file(exported.table(gathered), dialect)
    return _file(content, "text/csv; charset=utf-8", f"{gathered.report.tenant}_map.csv")


@router.get("/map.geojson", response_class=Response, responses=refusals(401, 403, 404, 429))
async def get_map(request: Request, caller: Reader) -> Response:
    """Return areas and sites with their net, interval, coverage and evidence class."""
    gathered = await run_in_threadpool(_known, request, caller.tenant, whole=True)
    content = await run_in_threadpool(exported.geojson, gathered)
    return _file(content, _GEOJSON, f"{gathered.report.tenant}_map.geojson")


@router.post(
    "/v1/areas", status_code=202, openapi_extra=_AREAS, responses=refusals(401, 403, 413, 422, 429)
)
async def post_areas(request: Request, caller: Officer) -> JSONResponse:
    """Keep the areas of the map, replacing those before."""
    areas = await run_in_threadpool(geojson.parse, await read_body(request))
    database = request.app.state.store.database
    await run_in_threadpool(stored.put, database, caller.tenant, areas, str(caller))
    return JSONResponse({"areas": len(areas)}, status_code=202)


def _known(request: Request, tenant: str | None, *, whole: bool = False) -> Gathered:
    gathered = gather(request, tenant, whole=whole)
    if gathered is None:
        raise RequestError(404, "no-study", "nothing to show: load a study document first")
    return gathered


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
    }
    return Response(content, media_type=media_type, headers=headers)
