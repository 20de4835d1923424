"""Signing in with a one-time secret, and out again: plain forms, a cookie, no script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import NO_TOKEN, SESSION_LIFE_MS, Caller
from cobenefit_backend.access.oidc_errors import SignInError
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.pages import frame
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.routes import forms

router = APIRouter(tags=["sign in"])
ID_TOKEN = "cobenefit_id_token"  # noqa: S105  name of a cookie
STATUS = {"down": 503, "busy": 503, "state": 400}


def identified(request: Request) -> Caller | None:
    """Return who asks, None when it is nobody; for `Depends`."""
    found: guard.Guard = request.app.state.guard
    return found.identify(request)


def page(
    request: Request,
    caller: Caller | None = None,
    *,
    wrong: bool = False,
    problem: SignInError | None = None,
    language: Language | None = None,
) -> Response:
    """Return the page to sign in on.

    Parameters
    ----------
    request : Request
        The request.
    caller : Caller or None, optional
        Who is signed in.
    wrong : bool, optional
        The secret just sent was not accepted.
    problem : SignInError or None, optional
        Why the provider's answer was not accepted.
    language : {'en', 'fr'}, optional
        Language in which the sign-in began.

    Returns
    -------
    Response
        The answer.
    """
    language = language or frame.language_of(request)
    session = guard.cookie(request) or guard.new_form_session()
    title = Words.load(language)("nav_login" if caller else "sign_in")
    html = frame.html(
        "login", language, title, caller=caller,
        admin=caller is not None and caller.may(Scope.ADMIN), form=guard.form_token(session),
        wrong=wrong, problem=problem, provider=request.app.state.config.oidc,
    )  # fmt: skip
    status = STATUS.get(problem.reason, 403) if problem else 401 if wrong else 200
    answer = frame.answer(html, language, status=status)
    answer.headers["Cache-Control"] = "no-store"
    set_cookie(request, answer, session)
    return answer


def set_cookie(request: Request, answer: Response, token: str) -> None:
    """Give the browser its session."""
    answer.set_cookie(
        guard.COOKIE, token, max_age=SESSION_LIFE_MS // 1000, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip


@router.get("/login", response_class=HTMLResponse)
def get_login(request: Request, caller: Annotated[Caller | None, Depends(identified)]) -> Response:
    """Show the form to sign in with, or who is signed in."""
    return page(request, caller)


@router.post(
    "/login",
    response_class=HTMLResponse,
    openapi_extra=forms.FORM,
    responses=forms.answers(401),
    dependencies=[Depends(identified)],
)
async def post_login(request: Request) -> Response:
    """Exchange a one-time secret for a session."""
    fields = await forms.fields(request)
    found: guard.Guard = request.app.state.guard
    secret = fields.get("secret", "").strip()
    token = await run_in_threadpool(found.credentials.redeem, secret, guard.now_ms())
    if token == NO_TOKEN:
        found.failed(request)
        return page(request, wrong=True)
    answer = RedirectResponse(f"/?lang={frame.language_of(request)}", status_code=303)
    set_cookie(request, answer, token)
    return answer


@router.post(
    "/logout",
    response_class=HTMLResponse,
    openapi_extra=forms.FORM,
    dependencies=[Depends(identified)],
)
async def post_logout(request: Request) -> Response:
    """End the session, also here; then at the provider, if it opened it."""
    await forms.fields(request)
    found: guard.Guard = request.app.state.guard
    await run_in_threadpool(found.sign_out, guard.cookie(request))
    address = await run_in_threadpool(_goodbye, request)
    language = frame.language_of(request)
    answer: Response = RedirectResponse(f"/login?lang={language}", status_code=303)
    if address:
        title = Words.load(language)("sign_out")
        config = request.app.state.config.oidc
        html = frame.html("logout", language, title, address=address, provider=config)
        answer = frame.answer(html, language)
        # A redirect after a form would have to be named by the policy's form-action.
        answer.headers["Refresh"] = f"0; url={address}"
    answer.delete_cookie(guard.COOKIE, httponly=True, samesite="lax")
    answer.delete_cookie(ID_TOKEN, path="/logout", httponly=True, samesite="lax")
    return answer


def _goodbye(request: Request) -> str:
    entrance, token = request.app.state.entrance, request.cookies.get(ID_TOKEN, "")
    if entrance is None or not token:
        return ""
    try:
        address: str = entrance.provider.goodbye(token)
    except SignInError as error:
        entrance.refused(error)  # signed out here all the same
        return ""
    return address
