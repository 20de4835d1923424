"""Targets of the territory beside what the studies contribute: page, CSV, JSON."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.exports import csv_file
from cobenefit_backend.exports.crate import TYPES
from cobenefit_backend.exports.tables import Table
from cobenefit_backend.pages import frame
from cobenefit_backend.pages import targets as page
from cobenefit_backend.report.records import Report
from cobenefit_backend.routes.pages import Tenant, current_report
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.territory import told
from cobenefit_backend.territory.targets import Plans

router = APIRouter(tags=["targets"], responses=refusals(401, 403, 404, 422, 429))


def _asked(request: Request, tenant: str | None) -> tuple[Plans, str, Report]:
    report = current_report(request, tenant)
    known = page.read(request.app.state.config.local_targets)
    return known, page.territory_of(request.app.state.store, report.tenant), report


def _table(request: Request, tenant: str | None) -> Table:
    places = page.found(*_asked(request, tenant))
    return told.table([each for _, of_place in places for each in of_place])


@router.get("/targets", response_class=HTMLResponse)
async def get_targets(request: Request, tenant: Tenant) -> Response:
    """Show the targets of the territory, and what the studies contribute."""
    if tenant is None:
        return frame.sign_in(request)
    language = frame.language_of(request)
    asked = await run_in_threadpool(_asked, request, tenant)
    html = await run_in_threadpool(page.html, *asked, language)
    return frame.answer(html, language)


@router.get("/targets.csv", response_class=Response)
async def get_targets_csv(
    request: Request, tenant: Tenant, dialect: csv_file.Dialect = "rfc4180"
) -> Response:
    """Return targets and contributions as CSV."""
    table = await run_in_threadpool(_table, request, tenant)
    headers = {
        "Content-Disposition": 'attachment; filename="targets.csv"',
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
    }
    return Response(csv_file.csv_file(table, dialect), media_type=TYPES["csv"], headers=headers)


@router.get("/v1/targets")
async def get_targets_json(request: Request, tenant: Tenant) -> dict[str, Any]:
    """Return targets and contributions as rows."""
    table = await run_in_threadpool(_table, request, tenant)
    return {"targets": [dict(zip(table.columns, row, strict=True)) for row in table.rows]}
