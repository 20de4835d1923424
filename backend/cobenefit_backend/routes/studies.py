"""One study: its page, and the numbers behind its charts as CSV."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.exports import csv_file, study_tables
from cobenefit_backend.exports.tables import Table
from cobenefit_backend.pages import frame
from cobenefit_backend.pages import study as pages
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.render import Edition
from cobenefit_backend.routes.files import csv_answer
from cobenefit_backend.routes.pages import Tenant, current_report

router = APIRouter(tags=["report"])
TableName = Literal["net", "footprint", "coverage"]


@router.get("/studies/{study}", response_class=HTMLResponse)
async def get_study(
    request: Request, tenant: Tenant, study: str, lang: str | None = None
) -> Response:
    """Show one study."""
    del lang  # read by the frame
    if tenant is None:
        return frame.sign_in(request)
    report = await run_in_threadpool(current_report, request, tenant)
    return await run_in_threadpool(_page, request, report, study)


def _page(request: Request, report: Report, study: str) -> Response:
    case, language = pages.case_of(report, study), frame.language_of(request)
    days = pages.days_of(request.app.state.store.database, report.tenant, case)
    return frame.answer(pages.page(report, language, study, days), language)


@router.get("/studies/{study}/{table}.csv", response_class=Response)
async def get_study_csv(
    request: Request, tenant: Tenant, study: str, table: TableName,
    dialect: csv_file.Dialect = "rfc4180",
) -> Response:  # fmt: skip
    """Return what a chart of a study shows as CSV."""
    report = await run_in_threadpool(current_report, request, tenant)
    found = await run_in_threadpool(_table, request, report, study, table)
    return csv_answer(found, dialect, f"{report.tenant}_{study}_{table}")


def _table(request: Request, report: Report, study: str, table: TableName) -> Table:
    case = pages.case_of(report, study)
    if table == "coverage":
        days = pages.days_of(request.app.state.store.database, report.tenant, case)
        return study_tables.coverage(days, case.extra["timezone"])
    view = Edition(report, "en", study=study).cases[0]
    made = {"net": study_tables.net_over_time, "footprint": study_tables.footprint}
    return made[table](view)
