"""Keys, one-time secrets and sessions: 256 random bits each, of which only the SHA-256 is kept.

A random secret of that length needs no slow hash: nobody can try 2^256 values. Each is shown
once. A secret opens one session, then it is gone. Every change leaves a line in the audit log.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import note
from cobenefit_backend.access.roles import SCOPES, Role, Scope
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.consents import Register
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError

PREFIX = "cbk_"
ID_LENGTH = 16
MAX_PER_TENANT = 1000
SECRET_LIFE_MS = 15 * 60_000
SESSION_LIFE_MS = 12 * 3_600_000
MAX_SESSIONS = 10
MAX_LABEL = 200
ENDING = 4
"""Characters of a credential that stay readable, to tell two apart."""
NO_TOKEN = ""


class Kind(StrEnum):
    """What a credential is for."""

    KEY = "key"
    SECRET = "secret"  # noqa: S105  a word, not one
    SESSION = "session"


LIFE_MS = {Kind.SECRET: SECRET_LIFE_MS, Kind.SESSION: SESSION_LIFE_MS}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a credential names.

    Parameters
    ----------
    id : str
        First characters of its hash: names it without giving it away.
    tenant : str
        The only tenant it sees.
    kind : Kind
        Key, secret or session.
    role : Role
        What it may do.
    label : str
        Who holds it.
    """

    id: str
    tenant: str
    kind: Kind
    role: Role
    label: str

    def may(self, scope: Scope) -> bool:
        """Return whether its role has a scope."""
        return scope in SCOPES[self.role]

    def __str__(self) -> str:
        """Return how the audit log names it."""
        return f"{self.kind} {self.id} ({self.label})"


def digest(token: str) -> str:
    """Return the hash under which a credential is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class Credentials:
    """The credentials and the audit log of every tenant.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, tenant: str) -> Register:
        """Return what the households of a tenant agree to."""
        return consents_of(self._database).register(tenant)

    def create(
        self,
        tenant: str,
        kind: Kind,
        role: Role,
        label: str,
        *,
        now_ms: int,
        by: str,
        life_ms: int | None = None,
    ) -> str:
        """Make a credential and return it, which is shown once.

        Parameters
        ----------
        tenant : str
            The only tenant it sees.
        kind : Kind
            Key, secret or session.
        role : Role
            What it may do.
        label : str
            Who holds it.
        now_ms : int
            Unix time. [ms]
        by : str
            Who makes it, for the audit log.
        life_ms : int or None, optional
            How long a key holds, > 0; None: until it is revoked. [ms]

        Returns
        -------
        str
            The credential.

        Raises
        ------
        RequestError
            409 when the tenant has too many.
        """
        with self._database.writing(tenant, data=False) as connection:
            token = _insert(
                connection, tenant, kind,
                role=role, label=label, now_ms=now_ms, life_ms=life_ms or LIFE_MS.get(kind),
            )  # fmt: skip
            note(connection, tenant, by, f"{kind} created", f"{_id(token)} {role} {label}")
        return token

    def find(self, token: str, now_ms: int) -> Caller | None:
        """Return whom a key or session names, None when it is unknown or has expired.

        Parameters
        ----------
        token : str
            What was shown.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        Caller or None
            The caller.
        """
        found = self._find(token, now_ms)
        return found if found and found.kind is not Kind.SECRET else None

    def redeem(self, secret: str, now_ms: int) -> str:
        """Exchange a one-time secret for a session.

        Parameters
        ----------
        secret : str
            The secret, which is void afterwards.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        str
            The session's token; empty when the secret is unknown, used or has expired.
        """
        found = self._find(secret, now_ms)
        if found is None or found.kind is not Kind.SECRET:
            return NO_TOKEN
        with self._database.writing(found.tenant, data=False) as connection:
            used = connection.execute(_DELETE, {"tenant": found.tenant, "id": found.id})
            if used.rowcount != 1:  # someone else was quicker
                return NO_TOKEN
            token = _insert(
                connection, found.tenant, Kind.SESSION,
                role=found.role, label=found.label, now_ms=now_ms, life_ms=SESSION_LIFE_MS,
            )  # fmt: skip
            note(connection, found.tenant, str(found), "signed in", _id(token))
        return token

    def admit(self, tenant: str, role: Role, label: str, person: str, *, now_ms: int) -> str:
        """Open a session for someone a provider vouches for.

        Parameters
        ----------
        tenant : str
            Where they are let in.
        role : Role
            What they may do.
        label : str
            Who they are.
        person : str
            Hash of who they are; a change of their grant ends their sessions by it.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        str
            The session's token.
        """
        with self._database.writing(tenant, data=False) as connection:
            values = {"tenant": tenant, "person": person, "kept": MAX_SESSIONS - 1}
            connection.execute(_OLDEST, values)
            token = _insert(
                connection, tenant, Kind.SESSION,
                role=role, label=label[:MAX_LABEL], now_ms=now_ms, life_ms=SESSION_LIFE_MS,
                person=person,
            )  # fmt: skip
            note(connection, tenant, label, "signed in", f"{_id(token)} {role}")
        return token

    def revoke(self, tenant: str, name: str, *, by: str) -> bool:
        """Make a credential of a tenant void.

        Parameters
        ----------
        tenant : str
            Whose.
        name : str
            Its id.
        by : str
            Who, for the audit log.

        Returns
        -------
        bool
            False when the tenant has none of that id.
        """
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_DELETE, {"tenant": tenant, "id": name}).rowcount == 0:
                return False
            note(connection, tenant, by, "revoked", name)
        return True

    def listed(self, tenant: str) -> list[Row]:
        """Return the credentials of a tenant, oldest first, without their hashes."""
        query = (
            "SELECT substr(sha256, 1, 16) AS id, kind, role, label, ending, created_ms, "
            "expires_ms FROM {credential} ORDER BY created_ms, sha256"
        )
        return self._database.rows(tenant, query)

    def _find(self, token: str, now_ms: int) -> Caller | None:
        sha256 = digest(token)
        with self._database.reading("", sha256) as connection:
            values = {"sha256": sha256, "now_ms": now_ms}
            row = connection.execute(_FIND, values).mappings().one_or_none()
        if row is None:
            return None
        return Caller(
            _id(token), row["tenant"], Kind(row["kind"]), Role(row["role"]), row["label"]
        )


def _id(token: str) -> str:
    return digest(token)[:ID_LENGTH]


def _insert(
    connection: Connection, tenant: str, kind: Kind, *, role: Role, label: str, now_ms: int,
    life_ms: int | None, person: str = "",
) -> str:  # fmt: skip
    connection.execute(_EXPIRE, {"tenant": tenant, "now_ms": now_ms})
    known = connection.execute(_COUNT, {"tenant": tenant}).scalar_one()
    if known >= MAX_PER_TENANT:
        raise RequestError(
            409, "too-many", f"{tenant!r} has {known} credentials: revoke those nobody uses"
        )
    token = PREFIX + secrets.token_urlsafe(32)
    values = {
        "sha256": digest(token), "tenant": tenant, "kind": kind.value, "role": role.value,
        "label": label, "created_ms": now_ms, "expires_ms": now_ms + life_ms if life_ms else None,
        "person": person, "ending": token[-ENDING:],
    }  # fmt: skip
    connection.execute(_INSERT, values)
    return token


_FIND = text(
    # The one query across tenants: whoever shows a credential may see the row of that hash.
    "SELECT tenant, kind, role, label FROM credential "
    "WHERE sha256 = :sha256 AND (expires_ms IS NULL OR expires_ms > :now_ms)"
)
_COUNT = owned("SELECT count(*) FROM {credential}")
_INSERT = text(
    "INSERT INTO credential (sha256, tenant, kind, role, label, created_ms, expires_ms, "
    "person, ending) "
    "VALUES (:sha256, :tenant, :kind, :role, :label, :created_ms, :expires_ms, "
    ":person, :ending)"
)
_DELETE = text("DELETE FROM credential WHERE tenant = :tenant AND substr(sha256, 1, 16) = :id")
_OLDEST = owned(
    "DELETE FROM credential WHERE tenant = :tenant AND person = :person AND sha256 NOT IN "
    "(SELECT sha256 FROM {credential} WHERE person = :person "
    "ORDER BY created_ms DESC, sha256 LIMIT :kept)"
)
_EXPIRE = text("DELETE FROM credential WHERE tenant = :tenant AND expires_ms <= :now_ms")
