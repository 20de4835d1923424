"""Administration of webhooks: addresses of the tenant's own that hear of events."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import bodies
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow, now_ms
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.reading import read_body, refusals
from cobenefit_backend.webhooks import address, sign
from cobenefit_backend.webhooks.events import TEST, Event, state
from cobenefit_backend.webhooks.stored import Webhooks

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Admin = Annotated[Caller, Depends(allow(Scope.ADMIN))]
_SECURITY: dict[str, Any] = {"security": [{"key": []}]}
Type = Literal["report.changed", "data.quarantined", "node.offline", "coverage.low"]


class WebhookBody(Struct, forbid_unknown_fields=True):
    """A webhook to make or to change."""

    url: Annotated[str, Meta(min_length=1, max_length=address.MAX_LENGTH)]
    events: Annotated[list[Type], Meta(min_length=1, max_length=10)]
    active: bool = True


_BODY = {
    **_SECURITY,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": bodies.schema(WebhookBody)}},
    },
}


def _webhooks(request: Request) -> Webhooks:
    return Webhooks(request.app.state.store.database)


async def _checked(request: Request) -> WebhookBody:
    body = bodies.decode(await read_body(request), WebhookBody)
    config = request.app.state.config
    if not config.webhook_secret:
        raise RequestError(
            409, "webhooks-off", "webhooks are off: the operator sets COBENEFIT_WEBHOOK_SECRET"
        )
    address.check(body.url, private=config.webhooks_private)
    return body


@router.get("", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_webhooks(request: Request, caller: Admin) -> JSONResponse:
    """List the webhooks of the tenant, and how their deliveries fare."""
    return JSONResponse({"webhooks": _webhooks(request).listed(caller.tenant)})


@router.post(
    "", status_code=201, openapi_extra=_BODY, responses=refusals(401, 403, 409, 413, 422, 429)
)
async def post_webhook(request: Request, caller: Admin) -> JSONResponse:
    """Make a webhook; its signing secret is shown in this answer only."""
    body = await _checked(request)

    def create() -> str:
        seen = state(request.app.state.store, caller.tenant)
        return _webhooks(request).create(
            caller.tenant, body.url, body.events, seen, now_ms=now_ms(), by=str(caller)
        )

    found = await run_in_threadpool(create)
    secret = sign.secret_of(request.app.state.config.webhook_secret, found)
    return JSONResponse({"id": found, "secret": secret}, status_code=201)


@router.put(
    "/{id}",
    status_code=204,
    openapi_extra=_BODY,
    responses=refusals(401, 403, 404, 409, 413, 422, 429),
)
async def put_webhook(request: Request, caller: Admin, id: str) -> Response:  # noqa: A002
    """Change a webhook; one made active again tries what died once more."""
    body = await _checked(request)

    def change() -> bool:
        return _webhooks(request).change(
            caller.tenant, id, body.url, body.events,
            active=body.active, now_ms=now_ms(), by=str(caller),
        )  # fmt: skip

    return _found(await run_in_threadpool(change))


@router.delete(
    "/{id}", status_code=204, openapi_extra=_SECURITY, responses=refusals(401, 403, 404, 429)
)
def delete_webhook(request: Request, caller: Admin, id: str) -> Response:  # noqa: A002
    """Remove a webhook and what waits for it."""
    return _found(_webhooks(request).remove(caller.tenant, id, by=str(caller)))


@router.get("/{id}/outbox", openapi_extra=_SECURITY, responses=refusals(401, 403, 404, 429))
def get_outbox(request: Request, caller: Admin, id: str) -> Response:  # noqa: A002
    """Show what waits for a webhook or died there, with the reason of the last attempt."""
    rows = _webhooks(request).outbox(caller.tenant, id)
    if rows is None:
        raise _unknown()
    return Response(msgspec.json.encode({"outbox": rows}), media_type="application/json")


@router.post(
    "/{id}/test", status_code=204, openapi_extra=_SECURITY, responses=refusals(401, 403, 404, 429)
)
def post_test(request: Request, caller: Admin, id: str) -> Response:  # noqa: A002
    """Queue an event `webhook.test`, to see that it arrives."""
    return _found(_webhooks(request).queue(caller.tenant, id, Event(TEST, {}), now_ms()))


def _found(found: bool) -> Response:
    if not found:
        raise _unknown()
    return Response(status_code=204)


def _unknown() -> RequestError:
    return RequestError(404, "webhook", "no such webhook")
