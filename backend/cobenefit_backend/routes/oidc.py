"""Signing in through the provider: to it, and back from it."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import SESSION_LIFE_MS
from cobenefit_backend.access.entrance import Entrance
from cobenefit_backend.access.oidc_errors import SignInError
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import frame
from cobenefit_backend.report.words import Language, choose
from cobenefit_backend.routes import login

router = APIRouter(
    prefix="/login/oidc", tags=["sign in"], dependencies=[Depends(login.identified)]
)
FLOW = "cobenefit_sign_in"
FLOW_LIFE_S = 600
MAX_COOKIE = 3800
"""Browsers keep cookies of 4,096 bytes, with their name and attributes."""


def _entrance(request: Request) -> Entrance:
    found: Entrance | None = request.app.state.entrance
    if found is None:
        raise RequestError(404, "provider", "no provider is configured: use a one-time secret")
    return found


Door = Annotated[Entrance, Depends(_entrance)]


@router.get("", response_class=RedirectResponse, status_code=303)
def get_start(request: Request, entrance: Door) -> Response:
    """Lead the browser to the provider."""
    flow = f"{frame.language_of(request)}.{secrets.token_urlsafe(32)}"
    try:
        answer = RedirectResponse(entrance.provider.start(flow), status_code=303)
    except SignInError as error:
        return _refused(request, entrance, error)
    _set(entrance, answer, FLOW, flow, path="/login/oidc", life_s=FLOW_LIFE_S)
    return answer


@router.get("/callback", response_class=HTMLResponse)
def get_callback(request: Request, entrance: Door) -> Response:
    """Take who comes back from the provider in, or say why not."""
    flow = request.cookies.get(FLOW, "")
    try:
        identity = entrance.provider.finish(request.query_params, flow)
        token = entrance.admit(identity, guard.now_ms())
    except SignInError as error:
        return _refused(request, entrance, error)
    language = _language(request, flow)
    answer = RedirectResponse(f"/?lang={language}", status_code=303)
    login.set_cookie(request, answer, token)
    if len(identity.id_token) < MAX_COOKIE:
        life_s = SESSION_LIFE_MS // 1000
        _set(entrance, answer, login.ID_TOKEN, identity.id_token, path="/logout", life_s=life_s)
    answer.delete_cookie(FLOW, path="/login/oidc", httponly=True, samesite="lax")
    return answer


def _refused(request: Request, entrance: Entrance, error: SignInError) -> Response:
    entrance.refused(error)
    found: guard.Guard = request.app.state.guard
    found.failed(request)
    answer = login.page(
        request, problem=error, language=_language(request, request.cookies.get(FLOW, ""))
    )
    answer.delete_cookie(FLOW, path="/login/oidc", httponly=True, samesite="lax")
    return answer


def _language(request: Request, flow: str) -> Language:
    found = flow.partition(".")[0]
    return choose(
        request.query_params.get("lang") or found, request.headers.get("accept-language", "")
    )


def _set(
    entrance: Entrance, answer: Response, name: str, value: str, *, path: str, life_s: int
) -> None:
    answer.set_cookie(
        name, value, max_age=life_s, path=path, httponly=True, samesite="lax",
        secure=entrance.provider.config.public_url.startswith("https:"),
    )  # fmt: skip
