"""The last report of each tenant, computed again after something was stored.

A page waits for the new figures only so long: of a thousand meters they take a minute, and the
figures of a minute ago are true as well. Not so after a consent or an erasure: then it waits.
"""

import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from cobenefit_backend.consents import Register
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report.build import build
from cobenefit_backend.report.memo import Memo
from cobenefit_backend.report.records import Report
from cobenefit_backend.store import Store

PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Computed:
    number: int
    register: Register
    report: Report


class ReportCache:
    """Reports by tenant; one is computed at a time.

    Parameters
    ----------
    store : Store
        Where the data stand.
    local_factors : str
        Folder of the operator's own factors; empty: none.
    """

    def __init__(self, store: Store, local_factors: str = "") -> None:
        self._store, self._local_factors = store, local_factors
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="report")
        self._lock = Lock()
        self._running: dict[str, Future[_Computed]] = {}
        self._last: dict[str, _Computed] = {}
        self._memos: defaultdict[str, Memo] = defaultdict(Memo)

    def get(self, tenant: str) -> Report:
        """Return the report of all that is stored now, however long it takes.

        Parameters
        ----------
        tenant : str
            Whose.

        Returns
        -------
        Report
            The report.

        Raises
        ------
        RequestError
            404 when the tenant has no study document.
        """
        number = self._store.change_number(tenant)
        found = self._last.get(tenant)
        while found is None or found.number < number:
            found = self._compute(tenant).result()
        return found.report

    def shown(self, tenant: str) -> Report:
        """Return the report as pages show it: that of all stored, or the last one while it takes.

        Parameters
        ----------
        tenant : str
            Whose.

        Returns
        -------
        Report
            The report.

        Raises
        ------
        RequestError
            404 when the tenant has no study document.
        """
        last = self._last.get(tenant)
        if last is None or last.register != self._store.consents.register(tenant):
            return self.get(tenant)
        number, end_s = self._store.change_number(tenant), time.monotonic() + PATIENCE_S
        while last.number < number:
            try:
                last = self._compute(tenant).result(max(0.0, end_s - time.monotonic()))
            except TimeoutError:
                break
        return last.report

    def tenant(self, configured: str) -> str:
        """Return whose report the pages show."""
        if configured:
            return configured
        tenants = self._store.tenants()
        if len(tenants) == 1:
            return tenants[0]
        if not tenants:
            raise RequestError(404, "no-study", "nothing to report: load a study document first")
        raise RequestError(404, "tenant", "several tenants: set pages.tenant in the configuration")

    def _compute(self, tenant: str) -> Future[_Computed]:
        """Start to compute a report, unless it is being computed already."""
        with self._lock:
            running = self._running.get(tenant)
            if running is None or running.done():
                running = self._pool.submit(self._computed, tenant)
                self._running[tenant] = running
            return running

    def _computed(self, tenant: str) -> _Computed:
        number = self._store.change_number(tenant)
        register = self._store.consents.register(tenant)
        report = build(self._store, tenant, self._local_factors, memo=self._memos[tenant])
        self._last[tenant] = _Computed(number, register, report)
        return self._last[tenant]
