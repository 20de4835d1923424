"""Signing in with a one-time secret, and out again: plain forms, a cookie, no script."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import NO_TOKEN, SESSION_LIFE_MS, Caller
from cobenefit_backend.report import render
from cobenefit_backend.report.words import Language, Words, choose
from cobenefit_backend.routes import forms

router = APIRouter(tags=["sign in"])
POLICY = render.POLICY.replace("form-action 'none'", "form-action 'self'")
_HTML: dict[str, Any] = {"text/html": {}, "application/problem+json": {}}


def _identified(request: Request) -> Caller | None:
    found: guard.Guard = request.app.state.guard
    return found.identify(request)


def _language(request: Request) -> Language:
    return choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def _page(request: Request, caller: Caller | None, *, wrong: bool = False) -> Response:
    language = _language(request)
    session = guard.cookie(request) or guard.new_form_session()
    html = render.login(
        Words.load(language), caller, form=guard.form_token(session), wrong=wrong, policy=POLICY
    )
    headers = {
        "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
        "Content-Language": language,
        "Cache-Control": "no-store",
    }
    answer = HTMLResponse(html, status_code=401 if wrong else 200, headers=headers)
    _set_cookie(request, answer, session)
    return answer


def _set_cookie(request: Request, answer: Response, token: str) -> None:
    answer.set_cookie(
        guard.COOKIE, token, max_age=SESSION_LIFE_MS // 1000, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip


@router.get("/login", response_class=HTMLResponse)
def get_login(
    request: Request, caller: Annotated[Caller | None, Depends(_identified)]
) -> Response:
    """Show the form to sign in with, or who is signed in."""
    return _page(request, caller)


@router.post(
    "/login",
    response_class=HTMLResponse,
    openapi_extra=forms.FORM,
    responses={401: {"description": "A secret that is not accepted", "content": _HTML}},
    dependencies=[Depends(_identified)],
)
async def post_login(request: Request) -> Response:
    """Exchange a one-time secret for a session."""
    fields = await forms.fields(request)
    found: guard.Guard = request.app.state.guard
    secret = fields.get("secret", "").strip()
    token = await run_in_threadpool(found.credentials.redeem, secret, guard.now_ms())
    if token == NO_TOKEN:
        found.failed(request)
        return _page(request, None, wrong=True)
    answer = RedirectResponse(f"/?lang={_language(request)}", status_code=303)
    _set_cookie(request, answer, token)
    return answer


@router.post(
    "/logout",
    response_class=HTMLResponse,
    openapi_extra=forms.FORM,
    dependencies=[Depends(_identified)],
)
async def post_logout(request: Request) -> Response:
    """End the session, also here."""
    await forms.fields(request)
    found: guard.Guard = request.app.state.guard
    await run_in_threadpool(found.sign_out, guard.cookie(request))
    answer = RedirectResponse(f"/login?lang={_language(request)}", status_code=303)
    answer.delete_cookie(guard.COOKIE, httponly=True, samesite="lax")
    return answer
