"""What people take away: the report as PDF, workbook, CSV, and everything in one archive."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports import crate, csv_file, pdf, tables, workbook
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import Language, choose
from cobenefit_backend.routes.pages import Tenant, current_report

router = APIRouter(tags=["files"])
TableName = Literal[
    "results", "follow_up", "series", "data", "factors", "corrections", "operat", "mapping"
]  # fmt: skip


@router.get("/report.pdf", response_class=Response)
async def get_pdf(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Return the report as PDF/UA-1."""
    report, language = await _asked(request, tenant, lang)
    content = await run_in_threadpool(pdf.pdf_file, report, language)
    return _file(report, content, f"{language}.pdf")


@router.get("/report.xlsx", response_class=Response)
async def get_workbook(request: Request, tenant: Tenant, lang: str | None = None) -> Response:
    """Return the tables of the report as a workbook."""
    report, language = await _asked(request, tenant, lang)
    content = await run_in_threadpool(workbook.workbook, report, language)
    return _file(report, content, f"{language}.xlsx")


@router.get("/report.zip", response_class=Response)
async def get_crate(request: Request, tenant: Tenant) -> Response:
    """Return every file of the report as an RO-Crate."""
    report = await run_in_threadpool(current_report, request, tenant)
    return _file(report, await run_in_threadpool(crate.crate, report), "zip")


@router.get("/{table}.csv", response_class=Response)
async def get_csv(
    request: Request, tenant: Tenant, table: TableName, dialect: csv_file.Dialect = "rfc4180"
) -> Response:
    """Return one table as CSV, in the dialect of RFC 4180 or of a French spreadsheet."""
    report = await run_in_threadpool(current_report, request, tenant)
    found = next((each for each in tables.tables(report) if each.name == table), None)
    if found is None:
        raise RequestError(404, "table", f"this report has no {table}")
    return _file(report, csv_file.csv_file(found, dialect), f"{table}.csv")


async def _asked(
    request: Request, tenant: str | None, lang: str | None
) -> tuple[Report, Language]:
    report = await run_in_threadpool(current_report, request, tenant)
    return report, choose(lang, request.headers.get("accept-language", ""))


def _file(report: Report, content: bytes, ending: str) -> Response:
    return attachment(content, f"{'_'.join((report.tenant, *report.period))}.{ending}")


def csv_answer(table: tables.Table, dialect: csv_file.Dialect, name: str) -> Response:
    """Return a table as a CSV file to be kept under a name."""
    return attachment(csv_file.csv_file(table, dialect), f"{name}.csv")


def attachment(content: bytes, name: str) -> Response:
    """Return a file to be kept, of the type its name ends on."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language, Authorization, Cookie",
    }
    return Response(content, media_type=crate.TYPES[name.rpartition(".")[2]], headers=headers)
