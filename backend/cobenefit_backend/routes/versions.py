"""Published versions: publish, list, read as published, compare. Only for who is signed in."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import bodies
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import Guard, allow
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.database import Row
from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports.crate import TYPES
from cobenefit_backend.pages import frame
from cobenefit_backend.pages import versions as page
from cobenefit_backend.routes.forms import FORM, Filled, form, token
from cobenefit_backend.routes.reading import read_body, refusals
from cobenefit_backend.versions import archive, changes
from cobenefit_backend.versions.desk import Desk
from cobenefit_backend.versions.kept import MAX_VERSIONS
from cobenefit_backend.versions.publish import MAX_WHY, Status

router = APIRouter(tags=["versions"], responses=refusals(401, 403, 404, 409, 429))
ADDRESS = "/report/versions"
_PROBLEMS = {
    "unchanged": "publish_unchanged", "no-study": "publish_no_study",
    "too-many": "publish_full", "why": "publish_why_needed",
}  # fmt: skip
_SAID_ON_THE_PAGE = {
    "description": "Nothing was published, and the page says why",
    "content": {"text/html": {}, "application/problem+json": {}},
}
_NUMBER = re.compile("[0-9]{1,4}")
_SECURITY: dict[str, Any] = {"security": [{"key": []}]}
Reading = Annotated[Caller, Depends(allow(Scope.READ))]


class PublishBody(Struct, forbid_unknown_fields=True):
    """A version to publish."""

    why: Annotated[str, Meta(min_length=1, max_length=MAX_WHY)]
    status: Status = "draft"
    anyway: bool = False


def _visitor(request: Request) -> Caller | None:
    """Return who reads a page; a page that is open to all has no drafts and no names."""
    found: Guard = request.app.state.guard
    caller = found.identify(request)
    if caller is not None and not caller.may(Scope.READ):
        raise RequestError(403, "role", f"the role {caller.role} may not read here")
    return caller


Visitor = Annotated[Caller | None, Depends(_visitor)]


def _desk(request: Request, caller: Caller) -> Desk:
    state = request.app.state
    return Desk(state.store.database, state.reports.get, caller.tenant)


# ---- API


@router.get("/v1/report/versions", openapi_extra=_SECURITY)
def get_versions_json(request: Request, caller: Reading) -> JSONResponse:
    """List the published versions, newest first."""
    return JSONResponse({"versions": _desk(request, caller).versions.listed(caller.tenant)})


@router.post(
    "/v1/report/versions",
    status_code=201,
    openapi_extra={
        **_SECURITY,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": bodies.schema(PublishBody)}},
        },
    },
    responses=refusals(413, 422),
)
async def post_version(
    request: Request, caller: Annotated[Caller, Depends(allow(Scope.DOCUMENT))]
) -> JSONResponse:
    """Publish the report of now as the next version."""
    body = bodies.decode(await read_body(request), PublishBody)
    added = await run_in_threadpool(_publish, request, caller, body)
    return JSONResponse(added, status_code=201)


def _publish(request: Request, caller: Caller, body: PublishBody) -> Row:
    desk = _desk(request, caller)
    who, by = caller.label, str(caller)
    return desk.publish(who, body.why, body.status, by=by, anyway=body.anyway)


@router.get(
    "/v1/report/versions/{which}",
    openapi_extra=_SECURITY,
)
def get_version_json(request: Request, caller: Reading, which: str) -> Response:
    """Return a version (`3`), or what differs between two (`3..4`, `4..now`)."""
    desk = _desk(request, caller)
    old, new = desk.asked(which)
    if new is None:
        files = archive.names(desk.versions.archive(caller.tenant, old))
        answer = {**desk.versions.one(caller.tenant, old), "files": files}
    else:
        answer = {"old": old, "new": new, **changes.to_json(desk.compared(old, new))}
    return Response(msgspec.json.encode(answer), media_type="application/json")


# ---- pages


@router.get(ADDRESS, response_class=HTMLResponse)
def get_versions(request: Request, visitor: Visitor, below: str = "") -> Response:
    """Show the published versions, and the form that publishes one."""
    if visitor is None:
        return frame.sign_in(request)
    return _list(request, visitor, below=below)


def _list(
    request: Request, caller: Caller, *, below: str = "", problem: str = "", status: int = 200
) -> Response:
    shown = page.Shown(
        below=int(below) if _NUMBER.fullmatch(below) else MAX_VERSIONS + 1,
        every=request.app.state.config.schedule,
        today=datetime.now(UTC).date(),
        form=token(request) if caller.may(Scope.DOCUMENT) else "",
        problem=problem,
    )
    html = page.listed(_desk(request, caller), frame.language_of(request), shown)
    return frame.answer(html, frame.language_of(request), status=status)


@router.post(
    ADDRESS,
    openapi_extra=FORM,
    response_class=HTMLResponse,
    responses={**refusals(413, 422), 409: _SAID_ON_THE_PAGE},
)
async def post_version_form(
    request: Request, filled: Annotated[Filled, Depends(form(Scope.DOCUMENT))]
) -> Response:
    """Publish a version from the form of the page."""
    return await run_in_threadpool(_published, request, filled)


def _published(request: Request, filled: Filled) -> Response:
    fields, caller = filled.fields, filled.caller
    why = fields.get("why", "").strip()
    status: Status = "validated" if fields.get("status") == "validated" else "draft"
    try:
        added = _publish(request, caller, PublishBody(why, status, anyway="anyway" in fields))
    except RequestError as error:
        if error.kind not in _PROBLEMS:
            raise
        return _list(request, caller, problem=_PROBLEMS[error.kind], status=409)
    language = frame.language_of(request)
    return RedirectResponse(f"{ADDRESS}/{added['number']}?lang={language}", status_code=303)


@router.get(f"{ADDRESS}/{{which}}", response_class=HTMLResponse)
def get_version(request: Request, visitor: Visitor, which: str) -> Response:
    """Show a version, or what differs between two."""
    if visitor is None:
        return frame.sign_in(request)
    desk, language = _desk(request, visitor), frame.language_of(request)
    old, new = desk.asked(which)
    if new is None:
        return frame.answer(page.one(desk, old, language), language)
    return frame.answer(page.compared(desk, old, new, language), language)


@router.get(f"{ADDRESS}/{{number}}/{{name}}", response_class=Response)
def get_version_file(request: Request, visitor: Visitor, number: str, name: str) -> Response:
    """Return a file of a version, byte for byte as it was published."""
    if visitor is None:
        return frame.sign_in(request)
    desk = _desk(request, visitor)
    old, _ = desk.asked(number)
    packed = desk.versions.archive(visitor.tenant, old)
    content = packed if name == "report.zip" else archive.file_of(packed, name)
    kind = name.rpartition(".")[2]
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if kind == "html":
        headers["Content-Security-Policy"] = (
            f"{archive.policy_of(content)}; frame-ancestors 'none'"
        )
    else:
        shown = f"{visitor.tenant}_v{old}_{name}"
        headers["Content-Disposition"] = f'attachment; filename="{shown}"'
    return Response(content, media_type=TYPES[kind], headers=headers)
