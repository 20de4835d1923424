"""A private PostgreSQL cluster for tests and benchmarks: on a Unix socket only, gone afterwards.

PostgreSQL refuses to run as root, so root starts it as Debian's user `postgres`, or `nobody`.
Two roles exist in it, as on a real server: `cobenefit_owner` migrates, `cobenefit_app` serves.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from cobenefit_hil.services import ServiceError, find_tool

OWNER, APP = "cobenefit_owner", "cobenefit_app"
START_S = 60


def _tool(name: str) -> str:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():  # Debian keeps them off PATH
            return str(folder / name)
    return find_tool(name)


class Cluster:
    """A cluster of its own, started by `with`.

    Parameters
    ----------
    durable : bool
        Sync each commit, as a server does; tests of what is stored do without.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._folder = Path()
        self._user: str | None = None
        self._databases = 0

    def __enter__(self) -> Self:
        """Make the cluster, start it and create the two roles."""
        tools = _tool("initdb"), _tool("pg_ctl")
        self._folder = Path(tempfile.mkdtemp(prefix="cb-pg-"))  # short: a socket's path is
        try:
            self._start(*tools)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self, initdb: str, pg_ctl: str) -> None:
        if os.getuid() == 0:
            self._user = "postgres" if _exists("postgres") else "nobody"
            shutil.chown(self._folder, self._user)
        log = str(self._folder / "log")
        self._run(initdb, "-D", self._data, "-U", "admin", "-A", "trust", "-E", "UTF8", "-N")
        settings = f"-k {self._folder} -c listen_addresses="
        if not self._durable:
            settings += " -c fsync=off -c full_page_writes=off"
        self._run(
            pg_ctl, "-D", self._data, "-w", "-t", str(START_S), "-l", log, "-o", settings, "start"
        )
        self.admin(f"CREATE ROLE {OWNER} LOGIN", f"CREATE ROLE {APP} LOGIN")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and remove its files."""
        if (Path(self._data) / "postmaster.pid").exists():
            self._run(_tool("pg_ctl"), "-D", self._data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            stdin=subprocess.DEVNULL, user=self._user, cwd=self._folder, timeout=2 * START_S,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        if done.returncode:
            log = self._folder / "log"
            text = log.read_text(errors="replace") if log.exists() else ""
            raise ServiceError(f"{Path(command[0]).name} failed: {done.stderr}\n{text}")

    def url(self, database: str, role: str) -> str:
        """Return the URL by which a role reaches a database.

        Parameters
        ----------
        database : str
            Name of the database.
        role : str
            `OWNER`, `APP` or `admin`.

        Returns
        -------
        str
            For `database.url` of the backend.
        """
        return f"postgresql://{role}@/{database}?host={self._folder}"

    def cpu_s(self) -> float:
        """Return the processor time the server has used so far, all its processes together.

        Returns
        -------
        float
            User and system time. [s]
        """
        main = int((Path(self._data) / "postmaster.pid").read_text().splitlines()[0])
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                # proc(5): the fields after the name; ppid is the 4th, the times 14 to 17.
                pid, fields = path.parent.name, path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile, and stands in the postmaster's sum
            if int(pid) == main:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == main:
                ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def admin(self, *statements: str) -> None:
        """Run statements as the superuser, each by itself.

        Parameters
        ----------
        *statements : str
            SQL.
        """
        import psycopg

        with psycopg.connect(self.url("postgres", "admin"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def create(self, template: str = "template1") -> str:
        """Create a database that the owner's role owns, and return its name.

        Parameters
        ----------
        template : str
            Database to copy; nobody may be connected to it.

        Returns
        -------
        str
            Its name.
        """
        self._databases += 1
        name = f"cb{self._databases}"
        self.admin(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
