"""What gateways send: one route per body of the HTTP contract; 202 means synced to disk."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import activities, bodies, study
from cobenefit_backend.errors import RequestError
from cobenefit_backend.store import Store

router = APIRouter(prefix="/v1", tags=["ingest"])
_REFUSALS = {
    code: {"description": text, "content": {"application/problem+json": {}}}
    for code, text in (
        (401, "No gateway key, or an unknown one"),
        (403, "The key belongs to another tenant"),
        (413, "Body larger than server.max_body_bytes"),
        (422, "The body breaks the schema"),
    )
}
_CONFLICT = {409: {"description": "Same page number, other hash"}}


def _describe(kind: type, *, conflict: bool = False) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": bodies.schema(kind)}}}
    return {
        "status_code": 202,
        "openapi_extra": {"requestBody": body, "security": [{"gatewayKey": []}]},
        "responses": {**_REFUSALS, **(_CONFLICT if conflict else {})},
    }


async def _read_body(request: Request) -> bytes:
    limit = request.app.state.config.max_body_bytes
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise RequestError(413, "too-large", f"send at most {limit} bytes at a time")
    return bytes(data)


def _tenant(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    tenant = request.app.state.store.tenant_of_key(key) if scheme.lower() == "bearer" else None
    if tenant is None:
        raise RequestError(
            401, "key", "send Authorization: Bearer <key of `cobenefit backend key create`>"
        )
    return str(tenant)


def _check_tenant(allowed: str, named: str) -> None:
    if named != allowed:
        raise RequestError(403, "tenant", f"this key writes for {allowed!r}, not {named!r}")


async def _accept(
    request: Request, handle: Callable[[Store, str, bytes], dict[str, Any]]
) -> JSONResponse:
    tenant = await run_in_threadpool(_tenant, request)
    data = await _read_body(request)
    answer = await run_in_threadpool(handle, request.app.state.store, tenant, data)
    return JSONResponse(answer, status_code=202)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _take_page(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    envelope, rollups = bodies.decode_page(data)
    _check_tenant(tenant, rollups.tenant)
    store.add_page(envelope, rollups, _now_ms())
    return {"page": envelope.page}


def _take_quarantine(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.QuarantineBody)
    _check_tenant(tenant, body.tenant)
    store.add_quarantine(body)
    return {"rows": len(body.rows)}


def _take_health(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.HealthBody)
    _check_tenant(tenant, body.tenant)
    store.add_health(body)
    return {"rows": len(body.rows)}


def _take_weather(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.WeatherBody)
    _check_tenant(tenant, body.tenant)
    store.add_weather(body)
    return {"rows": len(body.t_ms)}


def _take_activities(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    body = bodies.decode(data, bodies.ActivityBody)
    _check_tenant(tenant, body.tenant)
    if faults := activities.check(body.rows):
        raise RequestError(422, "activities", "; ".join(faults[: activities.MAX_ERRORS]))
    store.add_activities(body)
    return {"rows": len(body.rows)}


def _take_study(store: Store, tenant: str, data: bytes) -> dict[str, Any]:
    document = study.parse(data, file="body")
    _check_tenant(tenant, document.tenant)
    store.put_study(tenant, msgspec.json.encode(document), _now_ms())
    return {"studies": [entry.id for entry in document.study]}


@router.post("/rollups", **_describe(bodies.PageBody, conflict=True))
async def post_rollups(request: Request) -> JSONResponse:
    """Store one spool page once; 202 when it is durable."""
    return await _accept(request, _take_page)


@router.post("/quarantine", **_describe(bodies.QuarantineBody))
async def post_quarantine(request: Request) -> JSONResponse:
    """Keep the larger total of each reason."""
    return await _accept(request, _take_quarantine)


@router.post("/health", **_describe(bodies.HealthBody))
async def post_health(request: Request) -> JSONResponse:
    """Keep the latest ledger of each (device, boot)."""
    return await _accept(request, _take_health)


@router.post("/weather", **_describe(bodies.WeatherBody))
async def post_weather(request: Request) -> JSONResponse:
    """Keep temperatures, replacing by station and time."""
    return await _accept(request, _take_weather)


@router.post("/activities", **_describe(bodies.ActivityBody))
async def post_activities(request: Request) -> JSONResponse:
    """Keep activities, replacing by id."""
    return await _accept(request, _take_activities)


@router.post("/studies", **_describe(study.StudyDocument))
async def post_studies(request: Request) -> JSONResponse:
    """Keep the study document of the tenant, replacing the one before."""
    return await _accept(request, _take_study)
