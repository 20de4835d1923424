"""While the backend serves, what is due is published by itself; nobody needs a timer for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from cobenefit_backend.config import Schedule
from cobenefit_backend.report.records import Report
from cobenefit_backend.store import Store
from cobenefit_backend.versions.desk import Desk
from cobenefit_backend.versions.schedule import Every

LOG = logging.getLogger(__name__)
PERIOD_S = 900.0


def publish_all(store: Store, report_of: Callable[[str], Report], every: Every) -> int:
    """Publish what is due of every tenant; one that fails is logged and the others go on.

    Parameters
    ----------
    store : Store
        The store.
    report_of : callable
        Returns the report of a tenant as it is now.
    every : {'monthly', 'quarterly', 'yearly'}
        How often.

    Returns
    -------
    int
        Versions published. [1]
    """
    count = 0
    for tenant in store.tenants():
        try:
            added = Desk(store.database, report_of, tenant).publish_due(every)
        except Exception:  # a tenant's bad document must not keep the others' reports back
            LOG.exception("the report of %s was due and could not be published", tenant)
            continue
        if added:
            LOG.info("published version %d of %s", added["number"], tenant)
            count += 1
    return count


@asynccontextmanager
async def publishing(
    store: Store,
    report_of: Callable[[str], Report],
    every: Schedule,
    period_s: float = PERIOD_S,
) -> AsyncIterator[None]:
    """Publish what is due, at once and every quarter of an hour, as long as the context lasts.

    Parameters
    ----------
    store : Store
        The store.
    report_of : callable
        Returns the report of a tenant as it is now.
    every : {'', 'monthly', 'quarterly', 'yearly'}
        How often a report is due; empty: never.
    period_s : float, optional
        How often to look. [s]
    """

    async def repeat(every: Every) -> None:
        while True:
            await run_in_threadpool(publish_all, store, report_of, every)
            await asyncio.sleep(period_s)

    task = asyncio.create_task(repeat(every)) if every else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            await asyncio.wait([task])
