"""Consents, erasure and the release of the public page, for officers and administrators."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import bodies, erasure, publication
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow, now_ms
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.bodies import Name
from cobenefit_backend.consent_entry import record
from cobenefit_backend.consent_log import ConsentBody, states
from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.reading import read_body, refusals
from cobenefit_backend.store import Store

router = APIRouter(prefix="/v1", tags=["privacy"])
Officer = Annotated[Caller, Depends(allow(Scope.DOCUMENT))]
Admin = Annotated[Caller, Depends(allow(Scope.ADMIN))]
BodyT = TypeVar("BodyT", bound="ConsentBody | ErasureBody | PublicBody")


class ErasureBody(Struct, forbid_unknown_fields=True):
    """What to erase; `confirm` says `site/device` (or `site`) once more, else it is a preview."""

    tenant: Name
    site: Name
    device: Annotated[str, Meta(pattern="^[a-z0-9-]{0,32}$")] = ""
    confirm: str = ""


class PublicBody(Struct, forbid_unknown_fields=True):
    """What to do with the public page."""

    tenant: Name
    action: Literal["on", "off", "preview", "release"]


def _described(kind: type, *codes: int) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": bodies.schema(kind)}}}
    return {
        "openapi_extra": {"requestBody": body, "security": [{"key": []}]},
        "responses": refusals(401, 403, *codes, 413, 422, 429),
    }


async def _handle(
    request: Request,
    caller: Caller,
    kind: type[BodyT],
    handle: Callable[[Store, BodyT], dict[str, Any]],
) -> JSONResponse:
    body = bodies.decode(await read_body(request), kind)
    if body.tenant != caller.tenant:
        raise RequestError(403, "tenant", f"this key acts for {caller.tenant!r} only")
    return JSONResponse(await run_in_threadpool(handle, request.app.state.store, body))


@router.get(
    "/consents",
    openapi_extra={"security": [{"key": []}]},
    responses=refusals(401, 403, 429),
)
def get_consents(request: Request, caller: Officer) -> JSONResponse:
    """Show the terms of every household meter, those that ended too, and every row recorded."""
    store: Store = request.app.state.store
    found = {
        "terms": states(store.consents.register(caller.tenant)),
        "history": store.consents.history(caller.tenant),
    }
    return JSONResponse(msgspec.to_builtins(found))


@router.post("/consents", **_described(ConsentBody))
async def post_consents(request: Request, caller: Officer) -> JSONResponse:
    """Record consents given or withdrawn; they count at once."""

    def add(store: Store, body: ConsentBody) -> dict[str, Any]:
        removed = record(store.database, body.tenant, body.rows, now_ms(), by=str(caller))
        return {"rows": len(body.rows), "windows_removed": removed}

    return await _handle(request, caller, ConsentBody, add)


@router.post("/erasures", **_described(ErasureBody))
async def post_erasure(request: Request, caller: Admin) -> JSONResponse:
    """Show what is known of a device or a site; with `confirm`, erase it for good."""

    def erase(store: Store, body: ErasureBody) -> dict[str, Any]:
        subject = erasure.Subject(body.tenant, body.site, body.device)
        if body.confirm and body.confirm != subject.word:
            raise RequestError(422, "confirm", f"confirm with {subject.word!r}")
        if not body.confirm:
            found, gone = erasure.preview(store.database, subject), False
        else:
            found = erasure.erase(store.database, subject, now_ms(), by=str(caller))
            gone = erasure.finish(store.database)
        return {
            "erased": bool(body.confirm), "bytes_gone": gone, "rows": found.rows,
            "versions": found.versions,
        }  # fmt: skip

    return await _handle(request, caller, ErasureBody, erase)


@router.post("/public", **_described(PublicBody, 404, 409))
async def post_public(request: Request, caller: Officer) -> JSONResponse:
    """Switch the public page on or off, preview a release, or release."""

    def act(store: Store, body: PublicBody) -> dict[str, Any]:
        if body.action in ("on", "off"):
            publication.switch(store, body.tenant, shown=body.action == "on", by=str(caller))
            return {"shown": body.action == "on"}
        found = publication.release(
            store, body.tenant, now_ms(), by=str(caller), preview=body.action == "preview",
            local_factors=request.app.state.config.local_factors,
        )  # fmt: skip
        cells = [
            {"evidence_class": c.evidence_class, "use_case": c.use_case, "verdict": v.value}
            for c, v in found
        ]
        return {"released": body.action == "release", "cells": cells}

    return await _handle(request, caller, PublicBody, act)
