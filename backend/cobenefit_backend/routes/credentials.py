"""Administration of a tenant: its keys, one-time secrets and sessions, and its audit log."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import bodies
from cobenefit_backend.access import audit
from cobenefit_backend.access.credentials import Caller, Credentials, Kind
from cobenefit_backend.access.guard import allow, now_ms
from cobenefit_backend.access.roles import Role, Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.reading import read_body, refusals

router = APIRouter(prefix="/v1", tags=["administration"])
Admin = Annotated[Caller, Depends(allow(Scope.ADMIN))]
_SECURITY: dict[str, Any] = {"security": [{"key": []}]}


class CredentialBody(Struct, forbid_unknown_fields=True):
    """A credential to make."""

    kind: Annotated[str, Meta(pattern="^(key|secret)$")]
    role: Role
    label: Annotated[str, Meta(min_length=1, max_length=100)]


def _credentials(request: Request) -> Credentials:
    found: Credentials = request.app.state.guard.credentials
    return found


@router.get("/credentials", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_credentials(request: Request, caller: Admin) -> JSONResponse:
    """List the credentials of the tenant, without the credentials themselves."""
    return JSONResponse({"credentials": _credentials(request).listed(caller.tenant)})


@router.post(
    "/credentials",
    status_code=201,
    openapi_extra={
        **_SECURITY,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": bodies.schema(CredentialBody)}},
        },
    },
    responses=refusals(401, 403, 409, 413, 422, 429),
)
async def post_credential(request: Request, caller: Admin) -> JSONResponse:
    """Make a key, or a one-time secret to sign in with; shown in this answer only."""
    body = bodies.decode(await read_body(request), CredentialBody)

    def create() -> str:
        return _credentials(request).create(
            caller.tenant, Kind(body.kind), body.role, body.label, now_ms=now_ms(), by=str(caller)
        )

    return JSONResponse({"credential": await run_in_threadpool(create)}, status_code=201)


@router.delete(
    "/credentials/{id}",
    status_code=204,
    openapi_extra=_SECURITY,
    responses=refusals(401, 403, 404, 429),
)
def delete_credential(request: Request, caller: Admin, id: str) -> Response:  # noqa: A002
    """Make a credential of the tenant void."""
    if not _credentials(request).revoke(caller.tenant, id, by=str(caller)):
        raise RequestError(404, "credential", "no such credential")
    return Response(status_code=204)


@router.get("/audit", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_audit(request: Request, caller: Admin) -> Response:
    """Show who did what, newest first."""
    lines = audit.latest(request.app.state.store.database, caller.tenant)
    return Response(msgspec.json.encode({"audit": lines}), media_type="application/json")
