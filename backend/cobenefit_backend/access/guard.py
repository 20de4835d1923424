"""The guard of every route: who asks, may they, and how often.

Programs send `Authorization: Bearer <key>`; people have a session in a cookie. A cookie opens
what is read and our own forms, never a write of the API, so another site's page can't write.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable

from fastapi import Request

from cobenefit_backend.access.credentials import Caller, Credentials, Kind
from cobenefit_backend.access.limits import Limiter
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError

COOKIE = "cobenefit_session"
FAILURES_PER_MINUTE = 120
_SAFE = ("GET", "HEAD")


class Guard:
    """What the routes ask; one per application.

    Parameters
    ----------
    credentials : Credentials
        Whom it knows.
    public : str
        Tenant whose report anyone may read; empty: nobody's.
    requests_per_minute : int
        Requests a minute of one credential, or of one address without one. [1]
    """

    def __init__(self, credentials: Credentials, public: str, requests_per_minute: int) -> None:
        self.credentials = credentials
        self._public = public
        self._requests = Limiter(requests_per_minute)
        self._failures = Limiter(FAILURES_PER_MINUTE)

    def identify(self, request: Request) -> Caller | None:
        """Return who asks, None when no credential was shown.

        Parameters
        ----------
        request : Request
            The request.

        Returns
        -------
        Caller or None
            The caller.

        Raises
        ------
        RequestError
            401 for an unknown credential, 429 for too many requests.
        """
        return self._known(request, cookie(request) if request.method in _SAFE else "")

    def signed_in(self, request: Request, scope: Scope) -> Caller:
        """Return who sends a form of ours, by cookie or key; its token is checked with its body.

        Parameters
        ----------
        request : Request
            The request, of any method.
        scope : Scope
            What the form asks.

        Returns
        -------
        Caller
            The caller.

        Raises
        ------
        RequestError
            401 for nobody, 403 for a role that may not, 429 for too many requests.
        """
        caller = self._known(request, cookie(request))
        if caller is None:
            raise unknown()
        return _checked(caller, scope)

    def _known(self, request: Request, session: str) -> Caller | None:
        token = bearer(request) or session
        address = request.client.host if request.client else ""
        caller = self.credentials.find(token, now_ms()) if token else None
        _pass(self._requests, f"c{caller.id}" if caller else f"a{address}")
        if caller is None and bearer(request):
            self.failed(request)
            raise unknown()
        return caller

    def _open_to_all(self) -> str | None:
        """Return the tenant whose report anyone may read: none that measures people at home."""
        if not self._public or self.credentials.register(self._public).households:
            return None
        return self._public

    def failed(self, request: Request) -> None:
        """Count a credential that was wrong; too many from one address and it must wait."""
        _pass(self._failures, request.client.host if request.client else "")

    def sign_out(self, session: str) -> None:
        """Make a session void; harmless when it is already."""
        caller = self.credentials.find(session, now_ms())
        if caller is not None and caller.kind is Kind.SESSION:
            self.credentials.revoke(caller.tenant, caller.id, by=str(caller))

    def tenant(self, request: Request) -> str | None:
        """Return whose report the caller may read, None when they must sign in.

        Parameters
        ----------
        request : Request
            The request; its state says whether a `stranger` asks.

        Returns
        -------
        str or None
            The tenant.

        Raises
        ------
        RequestError
            403 when the role does not read.
        """
        caller = self.identify(request)
        request.state.stranger = caller is None
        if caller is None:
            return self._open_to_all()
        return _checked(caller, Scope.READ).tenant


def allow(scope: Scope) -> Callable[[Request], Caller]:
    """Return the dependency that lets a role with a scope pass.

    Parameters
    ----------
    scope : Scope
        What the route asks.

    Returns
    -------
    callable
        For `Depends`; it runs in a thread, because it asks the database.
    """

    def guarded(request: Request) -> Caller:
        guard: Guard = request.app.state.guard
        caller = guard.identify(request)
        if caller is None:
            raise unknown()
        return _checked(caller, scope)

    guarded.__dict__["scope"] = scope
    return guarded


def reader(request: Request) -> str | None:
    """Return whose report the caller may read, None when they must sign in; for `Depends`."""
    guard: Guard = request.app.state.guard
    return guard.tenant(request)


def bearer(request: Request) -> str:
    """Return the key of the Authorization header, empty when there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise unknown()
    return key.strip()


def cookie(request: Request) -> str:
    """Return the session's token, empty when there is none."""
    return request.cookies.get(COOKIE, "")


def new_form_session() -> str:
    """Return a cookie for someone not signed in yet, so that their form has a token too."""
    return secrets.token_urlsafe(32)


def form_token(session: str) -> str:
    """Return what a form must carry: known to our pages only, derived from the cookie."""
    return hashlib.sha256(f"form {session}".encode()).hexdigest()


def check_form(request: Request, sent: str) -> None:
    """Refuse a form that another site's page sent.

    Parameters
    ----------
    request : Request
        With the cookie.
    sent : str
        The form's token.

    Raises
    ------
    RequestError
        403 when the two do not belong together.
    """
    session = cookie(request)
    if not session or not hmac.compare_digest(form_token(session).encode(), sent.encode()):
        raise RequestError(403, "form", "this form was not made for your browser: load it again")


def now_ms() -> int:
    """Return the Unix time.

    Returns
    -------
    int
        Now. [ms]
    """
    return time.time_ns() // 1_000_000


def _checked(caller: Caller, scope: Scope) -> Caller:
    if not caller.may(scope):
        raise RequestError(403, "role", f"the role {caller.role} may not {scope} here")
    return caller


def _pass(limiter: Limiter, caller: str) -> None:
    wait_s = limiter.take(caller, time.monotonic())
    if wait_s:
        seconds = math.ceil(wait_s)
        raise RequestError(
            429, "too-many-requests", f"wait {seconds} s and send again", retry_after_s=seconds
        )


def unknown() -> RequestError:
    """Return the refusal of who shows no credential, or an unknown one."""
    return RequestError(
        401, "key", "send Authorization: Bearer <key of `cobenefit backend key create`>"
    )
