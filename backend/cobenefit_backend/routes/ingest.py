"""What gateways send: one route per body of the HTTP contract; 202 means synced to disk."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import activities, bodies, study
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow, now_ms
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.reading import read_body, refusals
from cobenefit_backend.store import Store

router = APIRouter(prefix="/v1", tags=["ingest"])
Gateway = Annotated[Caller, Depends(allow(Scope.INGEST))]
Officer = Annotated[Caller, Depends(allow(Scope.DOCUMENT))]


def _describe(kind: type, *, conflict: bool = False) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": bodies.schema(kind)}}}
    codes = (401, 403, *((409,) if conflict else ()), 413, 422, 429)
    return {
        "status_code": 202,
        "openapi_extra": {"requestBody": body, "security": [{"key": []}]},
        "responses": refusals(*codes),
    }


def _check_tenant(allowed: str, named: str) -> None:
    if named != allowed:
        raise RequestError(403, "tenant", f"this key writes for {allowed!r}, not {named!r}")


async def _accept(
    request: Request, caller: Caller, handle: Callable[[Store, Caller, bytes], dict[str, Any]]
) -> JSONResponse:
    data = await read_body(request)
    answer = await run_in_threadpool(handle, request.app.state.store, caller, data)
    return JSONResponse(answer, status_code=202)


def _take_page(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    envelope, rollups = bodies.decode_page(data)
    _check_tenant(caller.tenant, rollups.tenant)
    store.add_page(envelope, rollups, now_ms())
    return {"page": envelope.page}


def _take_quarantine(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.QuarantineBody)
    _check_tenant(caller.tenant, body.tenant)
    store.add_quarantine(body)
    return {"rows": len(body.rows)}


def _take_health(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.HealthBody)
    _check_tenant(caller.tenant, body.tenant)
    store.add_health(body)
    return {"rows": len(body.rows)}


def _take_weather(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.WeatherBody)
    _check_tenant(caller.tenant, body.tenant)
    store.add_weather(body, by=str(caller))
    return {"rows": len(body.t_ms)}


def _take_activities(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.ActivityBody)
    _check_tenant(caller.tenant, body.tenant)
    if faults := activities.check(body.rows):
        raise RequestError(422, "activities", "; ".join(faults[: activities.MAX_ERRORS]))
    store.add_activities(body, by=str(caller))
    return {"rows": len(body.rows)}


def _take_study(store: Store, caller: Caller, data: bytes) -> dict[str, Any]:
    document = study.parse(data, file="body")
    _check_tenant(caller.tenant, document.tenant)
    store.put_study(caller.tenant, msgspec.json.encode(document), now_ms(), by=str(caller))
    return {"studies": [entry.id for entry in document.study]}


@router.post("/rollups", **_describe(bodies.PageBody, conflict=True))
async def post_rollups(request: Request, caller: Gateway) -> JSONResponse:
    """Store one spool page once; 202 when it is durable."""
    return await _accept(request, caller, _take_page)


@router.post("/quarantine", **_describe(bodies.QuarantineBody))
async def post_quarantine(request: Request, caller: Gateway) -> JSONResponse:
    """Keep the larger total of each reason."""
    return await _accept(request, caller, _take_quarantine)


@router.post("/health", **_describe(bodies.HealthBody))
async def post_health(request: Request, caller: Gateway) -> JSONResponse:
    """Keep the latest ledger of each (device, boot)."""
    return await _accept(request, caller, _take_health)


@router.post("/weather", **_describe(bodies.WeatherBody))
async def post_weather(request: Request, caller: Officer) -> JSONResponse:
    """Keep temperatures, replacing by station and time."""
    return await _accept(request, caller, _take_weather)


@router.post("/activities", **_describe(bodies.ActivityBody))
async def post_activities(request: Request, caller: Officer) -> JSONResponse:
    """Keep activities, replacing by id."""
    return await _accept(request, caller, _take_activities)


@router.post("/studies", **_describe(study.StudyDocument))
async def post_studies(request: Request, caller: Officer) -> JSONResponse:
    """Keep the study document of the tenant, replacing the one before."""
    return await _accept(request, caller, _take_study)
