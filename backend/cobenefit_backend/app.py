"""The application: store, routes, what runs beside. `create_app` migrates before it answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from cobenefit_backend import migrate
from cobenefit_backend.access.credentials import Credentials
from cobenefit_backend.access.entrance import Entrance
from cobenefit_backend.access.guard import Guard
from cobenefit_backend.access.oidc import Provider
from cobenefit_backend.compression import Compression
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.database import Database
from cobenefit_backend.openapi import Api
from cobenefit_backend.report.version import code_version
from cobenefit_backend.report_cache import ReportCache
from cobenefit_backend.routes import (
    admin,
    area_pages,
    corrections,
    credentials,
    devices,
    files,
    fleet,
    forms,
    import_pages,
    imports,
    ingest,
    login,
    oidc,
    pages,
    privacy,
    problems,
    public,
    sensorthings,
    studies,
    targets,
    territory,
    versions,
    webhook_pages,
    webhooks,
)
from cobenefit_backend.routes.reading import refusals
from cobenefit_backend.security_headers import SecurityHeaders
from cobenefit_backend.sta.catalogue import Catalogues
from cobenefit_backend.store import Store, open_engine
from cobenefit_backend.versions.clock import publishing
from cobenefit_backend.webhooks.dispatch import Dispatcher


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
        async with (
            _delivering(app.state.store, config),
            publishing(app.state.store, app.state.reports.get, config.schedule),
        ):
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
    store = Store(engine)
    app.state.config = config
    app.state.engine = engine
    app.state.store = store
    app.state.guard = Guard(Credentials(store.database), config.tenant, config.requests_per_minute)
    app.state.entrance = _entrance(config, store.database)
    app.state.reports = ReportCache(store, config.local_factors)
    app.state.catalogues = Catalogues(store)
    problems.install(app)
    _add_routes(app)
    app.add_middleware(Compression)
    app.add_middleware(SecurityHeaders)
    return app


def _add_routes(app: Api) -> None:
    """Add every route; what a page refuses is the same for all of them."""
    for api in (ingest, credentials, privacy, imports, sensorthings, webhooks, versions, targets):
        app.include_router(api.router)
    app.include_router(territory.router, responses=refusals(401, 403, 404, 422, 429))
    for shown in (pages, studies, devices, fleet, public):
        app.include_router(shown.router, responses=refusals(401, 403, 404, 429))
    app.include_router(login.router, responses=refusals(403, 413, 429))
    app.include_router(oidc.router, responses=forms.answers(400, 403, 404, 429, 503))
    app.include_router(admin.router, responses=forms.answers(401, 403, 404, 409, 413, 422, 429))
    for filled in (import_pages, area_pages, webhook_pages):
        app.include_router(
            filled.router, responses=forms.answers(401, 403, 404, 409, 413, 422, 429)
        )
    app.include_router(corrections.router, responses=refusals(401, 403, 404, 413, 422, 429))
    # Last: its /{table}.csv would take the files of the others.
    app.include_router(files.router, responses=refusals(401, 403, 404, 429))


@asynccontextmanager
async def _delivering(store: Store, config: BackendConfig) -> AsyncIterator[None]:
    """Deliver webhooks as long as the application runs, where there is a key for them.

    Yields
    ------
    None
        While it runs.
    """
    if not config.webhook_secret:
        yield
        return
    dispatcher = Dispatcher(store, config.webhook_secret, private=config.webhooks_private)
    dispatcher.start()
    yield
    await run_in_threadpool(dispatcher.stop)


def _entrance(config: BackendConfig, database: Database) -> Entrance | None:
    if config.oidc is None:
        return None
    return Entrance(Provider(config.oidc), database)
