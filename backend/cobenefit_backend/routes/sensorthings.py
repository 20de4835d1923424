"""OGC SensorThings API 1.1, read only, under `/sta/v1.1/`; for readers with a key."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.guard import allow
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.sta.options import read
from cobenefit_backend.sta.paths import resolve
from cobenefit_backend.sta.service import Service, root

ROOT = "/sta/v1.1"
router = APIRouter(prefix=ROOT, tags=["SensorThings"])
Reader = Annotated[Caller, Depends(allow(Scope.READ))]
_SECURITY: dict[str, Any] = {"security": [{"key": []}]}
_OPTIONS = {
    "$top": "Size of a page, at most 1000.",
    "$skip": "Entities left out before the page.",
    "$count": "true: say how many there are as @iot.count.",
    "$select": "Properties wanted, separated by commas.",
    "$orderby": "NAME asc or NAME desc.",
    "$expand": "Navigations to include, with options of their own in brackets.",
    "$filter": "Comparisons joined by and, or, not.",
}
_QUERY = [
    {"name": name, "in": "query", "required": False, "description": text,
     "schema": {"type": "string"}}
    for name, text in _OPTIONS.items()
]  # fmt: skip


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{ROOT}"


@router.get("", openapi_extra=_SECURITY, responses=refusals(401, 403, 429))
def get_service(request: Request, _caller: Reader) -> JSONResponse:
    """Return the service document: the entity sets and what the service conforms to."""
    return JSONResponse(root(_base(request)))


@router.get(
    "/{path:path}",
    openapi_extra={**_SECURITY, "parameters": _QUERY},
    responses={
        200: {"content": {"application/json": {}, "text/plain": {}}},
        **refusals(400, 401, 403, 404, 429, 501),
    },
)
def get_entities(request: Request, caller: Reader, path: str) -> Response:
    """Return entities by resource path, such as `Things('town.school')/Datastreams`."""
    path = path.strip("/")
    if not path:
        return JSONResponse(root(_base(request)))
    options = read(request.query_params.multi_items())
    store = request.app.state.store
    known = request.app.state.catalogues.get(caller.tenant)
    target = resolve(path, known)
    with store.database.reading(caller.tenant) as connection:
        service = Service(_base(request), connection, caller.tenant, known)
        answer = service.answer(target, path, options)
    if target.suffix == "$value":
        return PlainTextResponse(str(answer))
    return JSONResponse(answer)
