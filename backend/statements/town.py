"""The demonstration as officers find it: a copy of its database behind a real backend.

What an officer would do in their first weeks is done here: a version published, a fault of a
meter left out, a second version, a file looked at, a public page. The database itself is never
written.
"""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from cobenefit_hil.services import Service, free_port

TENANT = "demo"
WORDS = {
    "first": "Yearly review",
    "fault": "Works on the building, order 2017-31",
    "second": "Council of 3 December",
}
OLD = (
    "start,end,value,unit\n"
    "2015-12-01T00:00-06:00,2015-12-02T00:00-06:00,31.2,kWh\n"
    "2015-12-02T00:00-06:00,2015-12-03T00:00-06:00,29.8,kWh\n"
    "2015-12-03T00:00-06:00,2015-12-04T00:00-06:00,-,kWh\n"
)
"""A file of the year before, looked at and not yet written."""
CUT = ("simulated", "meter-a", "energy_import_wh", "2017-07-03", "2017-07-10")


class Town:
    """A backend on a copy of a database.

    Parameters
    ----------
    database : Path
        SQLite file of the demonstration.
    folder : Path
        An empty folder for the copy.
    """

    def __init__(self, database: Path, folder: Path) -> None:
        copy = folder / "town.sqlite3"
        with sqlite3.connect(database) as here, sqlite3.connect(copy) as there:
            here.backup(there)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.key = ""
        self._config = folder / "backend.toml"
        self._config.write_text(
            f'[database]\nurl = "sqlite:///{copy}"\n[server]\nport = {port}\n', encoding="utf-8"
        )
        command = [sys.executable, "-m", "cobenefit_backend", "serve", "--config"]
        self._backend = Service(
            "backend", [*command, str(self._config)], folder / "backend.log", port=port
        )

    def __enter__(self) -> Self:
        """Start the backend and live through some weeks."""
        self._backend.start()
        try:
            self._live()
        except BaseException:
            self._backend.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._backend.stop()

    def secret(self) -> str:
        """Return a one-time secret with which an administrator signs in."""
        return self._run("login", TENANT, "--label", "C. Durand")

    def _live(self) -> None:
        self.key = self._run(
            "key", "create", TENANT, "--role", "admin", "--quiet", "--label", "C. Durand"
        )
        headers = {"Authorization": f"Bearer {self.key}"}
        site, device, channel, *days = CUT
        start, end = (round(_utc(day).timestamp() * 1000) for day in days)
        fault = {"site": site, "device": device, "channel": channel, "start_ms": start,
                 "end_ms": end, "why": WORDS["fault"]}  # fmt: skip
        first, second = ({"why": WORDS[key], "status": "validated"} for key in ("first", "second"))
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            _post(client, "/v1/report/versions", first)
            _post(client, "/v1/corrections", fault)
            _post(client, "/v1/report/versions", second)
            series = {"site": site, "device": device, "channel": channel}
            _post(client, "/v1/imports", OLD, **series, file="bills-2015.csv")
            for action in ("on", "release"):
                _post(client, "/v1/public", {"tenant": TENANT, "action": action})

    def _run(self, *words: str) -> str:
        command = [sys.executable, "-m", "cobenefit_backend", *words, "--config"]
        done = subprocess.run(
            [*command, str(self._config)], capture_output=True, text=True, check=True
        )
        return done.stdout.split()[0]


def _utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def _post(client: httpx.Client, path: str, body: dict[str, Any] | str, **query: str) -> None:
    sent = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(path, content=sent, params=query)
    if not answer.is_success:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")


def find(database: Path) -> Path:
    """Return the database, or say how to make one.

    Parameters
    ----------
    database : Path
        Where it should be.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    SystemExit
        If it is not there.
    """
    if not database.is_file():
        sys.exit(f"{database} is not there: run `make demo` first, or name one by --database")
    return database
