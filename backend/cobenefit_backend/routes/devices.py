"""One device: its page, and its coverage as CSV."""

from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import unknown
from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports import csv_file, study_tables
from cobenefit_backend.factors.load import load as load_factors
from cobenefit_backend.pages import device_page, frame
from cobenefit_backend.pages.device import Device, cases_of, device
from cobenefit_backend.report import calendar
from cobenefit_backend.routes.files import csv_answer
from cobenefit_backend.routes.pages import SignedIn, current_report

router = APIRouter(tags=["devices"])


@router.get(
    "/devices/{site}/{device}",
    response_class=HTMLResponse,
    responses={404: {"description": "No such device, in words", "content": {"text/html": {}}}},
)
async def get_device(request: Request, tenant: SignedIn, site: str, device: str) -> Response:
    """Show one device: who it is, how it fares, what it costs, what it measured."""
    if tenant is None:
        return frame.sign_in(request)
    return await run_in_threadpool(_page, request, tenant, (site, device))


@router.get("/devices/{site}/{device}/coverage.csv", response_class=Response)
async def get_device_csv(
    request: Request, tenant: SignedIn, site: str, device: str,
    dialect: csv_file.Dialect = "rfc4180",
) -> Response:  # fmt: skip
    """Return the readings of each day of a device as CSV."""
    if tenant is None:
        raise unknown()
    found = await run_in_threadpool(_device, request, tenant, (site, device))
    days = calendar.days_of(found.days, found.timezone)
    table = study_tables.coverage(days, found.timezone)
    return csv_answer(table, dialect, f"{tenant}_{found.site}_{found.name}_coverage")


def _page(request: Request, tenant: str, place: tuple[str, str]) -> Response:
    language = frame.language_of(request)
    try:
        found = _device(request, tenant, place)
    except RequestError as error:
        if error.status != 404:
            raise
        return frame.answer(device_page.missing(*place, language, tenant), language, status=404)
    if found.entry is None:
        return frame.answer(device_page.page(found, language, tenant), language)
    report = current_report(request, tenant)
    found = replace(found, cases=cases_of(report, place))
    return frame.answer(device_page.page(found, language, report.names[language]), language)


def _device(request: Request, tenant: str, place: tuple[str, str]) -> Device:
    local = request.app.state.config.local_factors
    factors = load_factors(local=Path(local)) if local else load_factors()
    return device(request.app.state.store, tenant, place, factors)
