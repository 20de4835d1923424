"""Errors in one shape: `application/problem+json` (RFC 9457)."""

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cobenefit_backend.errors import FactorError, InputError, RequestError
from cobenefit_backend.openapi import Api

LOG = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(status: int, kind: str, detail: str, retry_after_s: int = 0) -> JSONResponse:
    """Return a problem answer.

    Parameters
    ----------
    status : int
        HTTP status. [1]
    kind : str
        Short stable word for programs.
    detail : str
        What is wrong and what to do.
    retry_after_s : int, optional
        When to try again; 0: not by waiting. [s]

    Returns
    -------
    JSONResponse
        The answer.
    """
    body = {
        "type": f"urn:cobenefit:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if retry_after_s:
        headers["Retry-After"] = str(retry_after_s)
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: Api) -> None:
    """Turn every error of the application into a problem answer."""

    @app.exception_handler(RequestError)
    async def _refused(_request: Request, error: RequestError) -> JSONResponse:
        return problem(error.status, error.kind, error.detail, error.retry_after_s)

    @app.exception_handler(InputError)
    @app.exception_handler(FactorError)
    async def _input(_request: Request, error: Exception) -> JSONResponse:
        return problem(422, "document", str(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, "http", str(error.detail))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = ", ".join(app.methods(request.url.path))
        return answer

    @app.exception_handler(RequestValidationError)
    async def _parameters(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return problem(422, "parameters", "; ".join(faults))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> JSONResponse:
        LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "fault", "our mistake; the log of the backend has the details")
