"""Forms of our own pages: read within limits, refused unless our page made them for this browser.

Usage in a route: `filled: Annotated[Filled, Depends(form(Scope.DOCUMENT))]`; the page carries
`<input type="hidden" name="form" value="{{ form }}">` with `token(request)`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.reading import read_body

FORM: dict[str, Any] = {
    "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {}}}}
}
"""How OpenAPI describes a form; for `openapi_extra`."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that someone signed in has sent.

    Parameters
    ----------
    caller : Caller
        Who; their role has the scope that was asked.
    fields : dict
        What they wrote.
    """

    caller: Caller
    fields: dict[str, str]


def token(request: Request) -> str:
    """Return what a form on a page for this browser must carry."""
    return guard.form_token(guard.cookie(request))


async def fields(request: Request) -> dict[str, str]:
    """Return what a form holds.

    Parameters
    ----------
    request : Request
        With the body.

    Returns
    -------
    dict
        The first value of each field.

    Raises
    ------
    RequestError
        422 for too many fields, 403 when another site's page made it, 413 when it is too large.
    """
    body = (await read_body(request)).decode("ascii", "replace")
    try:
        found = {name: values[0] for name, values in parse_qs(body, max_num_fields=32).items()}
    except ValueError as err:
        raise RequestError(422, "form", "send at most 32 fields") from err
    if not guard.bearer(request):  # a key is sent by purpose, a cookie by any page
        guard.check_form(request, found.get("form", ""))
    return found


def answers(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes refusals that a page may say, too.

    Parameters
    ----------
    *codes : int
        HTTP status codes. [1]

    Returns
    -------
    dict
        Response objects by code.
    """
    content: dict[str, Any] = {"text/html": {}, "application/problem+json": {}}
    return {code: {"description": HTTPStatus(code).phrase, "content": content} for code in codes}


def form(scope: Scope) -> Callable[[Request], Awaitable[Filled]]:
    """Return the dependency that lets the form of a signed-in role with a scope pass.

    Parameters
    ----------
    scope : Scope
        What the route asks.

    Returns
    -------
    callable
        For `Depends`.
    """

    async def filled(request: Request) -> Filled:
        found: guard.Guard = request.app.state.guard
        caller = await run_in_threadpool(found.signed_in, request, scope)
        return Filled(caller, await fields(request))

    filled.__dict__["scope"] = scope
    return filled
