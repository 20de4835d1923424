"""Errors in one shape: `application/problem+json` (RFC 9457), or a page where one is asked for."""

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from cobenefit_backend.errors import FactorError, InputError, RequestError
from cobenefit_backend.openapi import Api
from cobenefit_backend.pages import frame
from cobenefit_backend.report.words import Words

LOG = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_KEPT = {"www-authenticate", "retry-after"}


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
    """Turn every error of the application into a problem answer, for a browser into a page."""

    @app.exception_handler(RequestError)
    async def _refused(request: Request, error: RequestError) -> Response:
        return _answer(request, error.status, error.kind, error.detail, error.retry_after_s)

    @app.exception_handler(InputError)
    @app.exception_handler(FactorError)
    async def _input(request: Request, error: Exception) -> Response:
        return _answer(request, 422, "document", str(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        answer = _answer(request, error.status_code, "http", str(error.detail))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = ", ".join(app.methods(request.url.path))
        return answer

    @app.exception_handler(RequestValidationError)
    async def _parameters(request: Request, error: RequestValidationError) -> Response:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return _answer(request, 422, "parameters", "; ".join(faults))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        detail = "our mistake; the log of the backend has the details"
        return _answer(request, 500, "fault", detail)


def _answer(
    request: Request, status: int, kind: str, detail: str, retry_after_s: int = 0
) -> Response:
    """Return a problem as the caller reads it: a browser asks for HTML, a program does not."""
    answer = problem(status, kind, detail, retry_after_s)
    if "text/html" not in request.headers.get("accept", ""):
        return answer
    language = frame.language_of(request)
    words = Words.load(language)
    html = frame.html(
        "problem", language, words.either(f"problem_title_{status}", words("problem_title_other")),
        sentence=words.either(f"problem_{status}", words("problem_other")), detail=detail,
    )  # fmt: skip
    page = frame.answer(html, language, status=status)
    for name in _KEPT.intersection(answer.headers):
        page.headers[name] = answer.headers[name]
    return page
