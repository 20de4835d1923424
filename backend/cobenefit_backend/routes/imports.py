"""Measurements from files, and corrections: previewed, committed, undone, listed."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import bodies
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow, now_ms
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.imports import log
from cobenefit_backend.imports.batches import Imports, target_of
from cobenefit_backend.imports.formats import Format
from cobenefit_backend.routes.reading import read_body, refusals
from cobenefit_backend.store import Store

router = APIRouter(prefix="/v1", tags=["imports"])
Reader = Annotated[Caller, Depends(allow(Scope.READ))]
Officer = Annotated[Caller, Depends(allow(Scope.DOCUMENT))]
_SECURITY: dict[str, Any] = {"security": [{"key": []}]}
_FILE = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
Name = Annotated[str, Query(pattern="^[a-z0-9-]{1,32}$")]
Number = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Line = Annotated[int, Path(ge=1, le=2**31 - 1)]
Channel = Annotated[str, Query(pattern="^[a-z0-9_]{1,32}$")]


class ExclusionBody(Struct, forbid_unknown_fields=True):
    """A period of a series to leave out of every estimate."""

    site: bodies.Name
    device: bodies.Name
    channel: bodies.Channel
    start_ms: bodies.Millis
    end_ms: bodies.Millis
    why: Annotated[str, Meta(min_length=1, max_length=500)]


def _store(request: Request) -> Store:
    found: Store = request.app.state.store
    return found


@router.get("/imports", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_imports(request: Request, caller: Reader) -> JSONResponse:
    """List the imports of the tenant, newest first."""
    return JSONResponse({"imports": Imports(_store(request).database).listed(caller.tenant)})


@router.post(
    "/imports",
    status_code=201,
    openapi_extra={**_SECURITY, "requestBody": _FILE},
    responses=refusals(401, 403, 413, 422, 429),
)
async def post_import(
    *, request: Request, caller: Officer, site: Name, device: Name, channel: Channel,
    format: Format | None = None, file: Annotated[str, Query(max_length=200)] = "",  # noqa: A002
    replace: bool = False,
) -> JSONResponse:  # fmt: skip
    """Read a file and answer what a commit would write; nothing is written yet."""
    content = await read_body(request)
    store = _store(request)

    def preview() -> dict[str, Any]:
        target = target_of(store.study(caller.tenant), site, device, channel)
        return Imports(store.database).preview(
            caller.tenant, target, content, format, file=file, replaces=replace,
            by=str(caller), now_ms=now_ms(),
        )  # fmt: skip

    return JSONResponse(await run_in_threadpool(preview), status_code=201)


@router.post(
    "/imports/{id}/commit",
    openapi_extra=_SECURITY,
    responses=refusals(401, 403, 404, 409, 422, 429),
)
def post_commit(request: Request, caller: Officer, id: Number) -> JSONResponse:  # noqa: A002
    """Write an import; asking twice changes nothing."""
    imports = Imports(_store(request).database)
    return JSONResponse(imports.commit(caller.tenant, id, by=str(caller), now_ms=now_ms()))


@router.delete(
    "/imports/{id}", openapi_extra=_SECURITY, responses=refusals(401, 403, 404, 422, 429)
)
def delete_import(request: Request, caller: Officer, id: Number) -> JSONResponse:  # noqa: A002
    """Take an import out again, and only it; asking twice changes nothing."""
    imports = Imports(_store(request).database)
    return JSONResponse(imports.undo(caller.tenant, id, by=str(caller), now_ms=now_ms()))


@router.get("/corrections", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_corrections(request: Request, caller: Reader) -> Response:
    """Show who changed what was measured and why, newest first."""
    lines = log.lines(_store(request).database, caller.tenant)
    content = msgspec.json.encode({"corrections": lines})
    return Response(content, media_type="application/json")


@router.post(
    "/corrections",
    status_code=201,
    openapi_extra={
        **_SECURITY,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": bodies.schema(ExclusionBody)}},
        },
    },
    responses=refusals(401, 403, 413, 422, 429),
)
async def post_correction(request: Request, caller: Officer) -> JSONResponse:
    """Leave a period of a series out of every estimate, with a reason."""
    body = bodies.decode(await read_body(request), ExclusionBody)
    store = _store(request)

    def exclude() -> int:
        target = target_of(store.study(caller.tenant), body.site, body.device, body.channel)
        span = body.start_ms, body.end_ms
        return log.exclude(
            store.database, caller.tenant, target, span, why=body.why, who=str(caller),
            t_ms=now_ms(),
        )  # fmt: skip

    return JSONResponse({"id": await run_in_threadpool(exclude)}, status_code=201)


@router.delete(
    "/corrections/{id}", openapi_extra=_SECURITY, responses=refusals(401, 403, 404, 422, 429)
)
def delete_correction(
    request: Request, caller: Officer, id: Line,  # noqa: A002
    why: Annotated[str, Query(max_length=500)] = "",
) -> JSONResponse:  # fmt: skip
    """Put a period back that was left out; the log keeps both lines."""
    database = _store(request).database
    log.restore(database, caller.tenant, id, why=why, who=str(caller), t_ms=now_ms())
    return JSONResponse({"id": id})
