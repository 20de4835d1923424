"""The application: store, routes, security headers. `create_app` migrates before it answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cobenefit_backend import migrate
from cobenefit_backend.access.credentials import Credentials
from cobenefit_backend.access.entrance import Entrance
from cobenefit_backend.access.guard import Guard
from cobenefit_backend.access.oidc import Provider
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.database import Database
from cobenefit_backend.openapi import Api
from cobenefit_backend.report.version import code_version
from cobenefit_backend.routes import (
    credentials,
    files,
    ingest,
    login,
    pages,
    privacy,
    problems,
    public,
    territory,
    corrections,
    imports,
    devices,
    fleet,
    studies,
    admin,
    forms,
    oidc,
    sensorthings,
    webhooks,
)
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.sta.catalogue import Catalogues
from cobenefit_backend.store import Store, open_engine
from cobenefit_backend.webhooks.dispatch import Dispatcher

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
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        dispatcher = Dispatcher(
            app.state.store, config.webhook_secret, private=config.webhooks_private
        )
        if config.webhook_secret:
            dispatcher.start()
        yield
        if config.webhook_secret:
            await run_in_threadpool(dispatcher.stop)
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
    app.state.entrance = _entrance(config, app.state.store.database)
    app.state.reports = pages.ReportCache(app.state.store, config.local_factors)
    app.state.catalogues = Catalogues(app.state.store)
    problems.install(app)
    app.include_router(ingest.router)
    # before files: /map.csv is none of its tables
    app.include_router(territory.router, responses=refusals(401, 403, 404, 422, 429))
    app.include_router(pages.router, responses=refusals(401, 403, 404, 429))
    app.include_router(credentials.router)
    app.include_router(login.router, responses=refusals(403, 413, 429))
    app.include_router(oidc.router, responses=forms.answers(400, 403, 404, 429, 503))
    app.include_router(admin.router, responses=forms.answers(401, 403, 404, 409, 413, 422, 429))
    app.include_router(files.router, responses=refusals(401, 403, 404, 429))
    app.include_router(public.router, responses=refusals(401, 429))
    app.include_router(privacy.router)
    app.include_router(imports.router)
    app.include_router(corrections.router, responses=refusals(401, 403, 404, 413, 422, 429))
    shown = refusals(401, 403, 404, 429)
    for each in (pages, studies, devices, fleet):
        app.include_router(each.router, responses=shown)
    app.include_router(files.router, responses=shown)
    app.include_router(sensorthings.router)
    app.include_router(webhooks.router)
    app.add_middleware(SecurityHeaders)
    return app


def _entrance(config: BackendConfig, database: Database) -> Entrance | None:
    if config.oidc is None:
        return None
    return Entrance(Provider(config.oidc), database)
