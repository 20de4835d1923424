"""One tenant's versions together with the report of now: what routes and commands work with."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cobenefit_backend.access.guard import now_ms
from cobenefit_backend.database import Database, Row
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report import render
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import Language
from cobenefit_backend.versions import archive, publish
from cobenefit_backend.versions.changes import Changes, compare
from cobenefit_backend.versions.kept import MAX_VERSIONS, Versions
from cobenefit_backend.versions.schedule import Every

NOW = "now"
NO_STUDY = "no-study"
_ASKED = re.compile(r"([0-9]{1,4})(?:\.\.([0-9]{1,4}|now))?", re.ASCII)
Which = int | str
"""Number of a version, or `now`."""


class Desk:
    """The versions of a tenant.

    Parameters
    ----------
    database : Database
        Where they are kept.
    report_of : callable
        Returns the report of a tenant as it is now.
    tenant : str
        The tenant.
    """

    def __init__(
        self, database: Database, report_of: Callable[[str], Report], tenant: str
    ) -> None:
        self.versions = Versions(database)
        self.tenant = tenant
        self._report_of = report_of

    @staticmethod
    def asked(text: str) -> tuple[int, Which | None]:
        """Return what `3`, `3..4` or `4..now` asks for.

        Parameters
        ----------
        text : str
            Part of an address.

        Returns
        -------
        tuple
            Number of the version, and what it is compared with, None for nothing.

        Raises
        ------
        RequestError
            404 for anything else.
        """
        found = _ASKED.fullmatch(text)
        if found is None or int(found[1]) > MAX_VERSIONS:
            raise RequestError(404, "version", f"{text!r}: ask for 3, 3..4 or 4..now")
        new = found[2]
        return int(found[1]), int(new) if new and new != NOW else new

    def report(self) -> Report:
        """Return the report as it is now; RequestError 404 without a study document."""
        return self._report_of(self.tenant)

    def name(self, language: Language) -> str:
        """Return the name of the tenant; its id without a study document."""
        try:
            return self.report().names[language]
        except RequestError as error:
            if error.kind == NO_STUDY:
                return self.tenant
            raise

    def publish(
        self, who: str, why: str, status: publish.Status, *, by: str = "", anyway: bool = False
    ) -> Row:
        """Publish the report of now, see `publish.publish`."""
        why = why.replace("\0", "\ufffd")  # which PostgreSQL's text can't hold
        return publish.publish(
            self.versions, self.report(), who=who, why=why, status=status, now_ms=now_ms(), by=by,
            anyway=anyway,
        )  # fmt: skip

    def publish_due(self, every: Every) -> Row | None:
        """Publish what is due, see `publish.publish_due`."""
        return publish.publish_due(self.versions, self.tenant, self._report_of, every, now_ms())

    def is_stale(self, latest: Row) -> bool:
        """Return whether the report of now says something else than the latest version."""
        try:
            return publish.digest(self.report()) != str(latest["report_sha256"])
        except RequestError as error:
            if error.kind == NO_STUDY:  # removed since: nothing newer to say
                return False
            raise

    def compared(self, old: int, new: Which) -> Changes:
        """Return what differs between two versions, or a version and now.

        Parameters
        ----------
        old : int
            Number of the older version. [1]
        new : int or 'now'
            The newer one.

        Returns
        -------
        Changes
            What differs.

        Raises
        ------
        RequestError
            404 when there is none of a number, 409 when one can't be read.
        """
        return compare(self._json(old), self._json(new))

    def _json(self, which: Which) -> Mapping[str, Any]:
        if isinstance(which, int):
            return archive.report_of(self.versions.archive(self.tenant, which), which)
        found: dict[str, Any] = json.loads(render.json_file(self.report()))
        return found
