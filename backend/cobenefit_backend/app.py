"""The application: store, routes, security headers. `create_app` migrates before it answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cobenefit_backend import migrate
from cobenefit_backend.access.credentials import Credentials
from cobenefit_backend.access.guard import Guard
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.openapi import Api
from cobenefit_backend.report.version import code_version
from cobenefit_backend.routes import credentials, files, ingest, login, pages, problems
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.store import Store, open_engine

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
JSON_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class SecurityHeaders:
    """Adds the headers to every answer; a page brings its own content security policy.

    Parameters
    ----------
    app : ASGIApp
        The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *HEADERS]
                if not any(name == JSON_POLICY[0] for name, _ in headers):
                    headers.append(JSON_POLICY)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, complete)


def create_app(config: BackendConfig) -> FastAPI:
    """Return the application on a migrated database.

    Parameters
    ----------
    config : BackendConfig
        Settings.

    Returns
    -------
    FastAPI
        The application.
    """
    engine = open_engine(config.database_url)
    migrate.upgrade(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = Api(
        title="Cobenefit backend",
        version=code_version(),
        lifespan=lifespan,
        docs_url=None,  # the Swagger page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.config = config
    app.state.engine = engine
    app.state.store = Store(engine)
    app.state.guard = Guard(
        Credentials(app.state.store.database), config.tenant, config.requests_per_minute
    )
    app.state.reports = pages.ReportCache(app.state.store, config.local_factors)
    problems.install(app)
    app.include_router(ingest.router)
    app.include_router(pages.router, responses=refusals(401, 403, 404, 429))
    app.include_router(credentials.router)
    app.include_router(login.router, responses=refusals(403, 413, 429))
    app.include_router(files.router, responses=refusals(401, 403, 404, 429))
    app.add_middleware(SecurityHeaders)
    return app
