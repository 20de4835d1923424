"""What a person of a provider may do: named by an administrator, by e-mail or by subject.

A grant is found by a hash of who the person is, before their tenant is known, as a credential
is. An invitation by e-mail is bound to the subject at the first sign-in: who is given the same
address later is someone else.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import note
from cobenefit_backend.access.oidc import Identity
from cobenefit_backend.access.roles import PEOPLE, Role
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError

NO_ACCESS = "none"
"""Role of a person whose employer opens a tenant that is closed to them."""
ROLES = (*(role.value for role in PEOPLE), NO_ACCESS)
MAX_PER_TENANT = 1000
MAX_NAME = 254


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may do in one tenant.

    Parameters
    ----------
    tenant : str
        The tenant.
    person : str
        Hash of who they are.
    role : Role or None
        What they may do; None: nothing.
    """

    tenant: str
    person: str
    role: Role | None


def person(issuer: str, kind: str, value: str) -> str:
    """Return the hash by which a person is found.

    Parameters
    ----------
    issuer : str
        Their provider.
    kind : {'sub', 'email'}
        What the value is.
    value : str
        Their subject, or their address in lower case.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    return hashlib.sha256(f"person {issuer}\n{kind}\n{value}".encode()).hexdigest()


class Grants:
    """The grants of every tenant.

    Parameters
    ----------
    database : Database
        Where they are kept.
    issuer : str
        The provider whose people they name.
    """

    def __init__(self, database: Database, issuer: str) -> None:
        self._database = database
        self._issuer = issuer

    def invite(self, tenant: str, who: str, role: str, *, now_ms: int, by: str) -> None:
        """Let a person in.

        Parameters
        ----------
        tenant : str
            Where.
        who : str
            Their e-mail address, or their subject at the provider.
        role : str
            One of `ROLES`.
        now_ms : int
            Unix time. [ms]
        by : str
            Who invites, for the audit log.

        Raises
        ------
        RequestError
            409 when they are named already, or too many are.
        """
        email = who.lower() if "@" in who else ""
        subject = "" if email else who
        name = person(self._issuer, "email" if email else "sub", email or subject)
        values = {
            "tenant": tenant, "person": name, "issuer": self._issuer, "email": email,
            "subject": subject, "role": role, "created_ms": now_ms,
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_COUNT, {"tenant": tenant}).scalar_one() >= MAX_PER_TENANT:
                raise RequestError(409, "too-many", "too many people: remove those who left")
            if connection.execute(_SAME, values).scalar_one():
                raise RequestError(409, "person", f"{who} is in the list already")
            connection.execute(_INSERT, values)
            note(connection, tenant, by, "person added", f"{who} {role}")

    def change(self, tenant: str, name: str, role: str, *, by: str) -> bool:
        """Give a person another role and end their sessions.

        Parameters
        ----------
        tenant : str
            Where.
        name : str
            Hash of who they are.
        role : str
            One of `ROLES`.
        by : str
            Who, for the audit log.

        Returns
        -------
        bool
            False when the tenant has no such person.
        """
        with self._database.writing(tenant, data=False) as connection:
            values = {"tenant": tenant, "person": name, "role": role}
            if connection.execute(_CHANGE, values).rowcount == 0:
                return False
            _end_sessions(connection, tenant, name)
            note(connection, tenant, by, "person changed", f"{name[:16]} {role}")
        return True

    def revoke(self, tenant: str, name: str, *, by: str) -> bool:
        """Remove a person and end their sessions.

        Parameters
        ----------
        tenant : str
            Where.
        name : str
            Hash of who they are.
        by : str
            Who, for the audit log.

        Returns
        -------
        bool
            False when the tenant has no such person.
        """
        with self._database.writing(tenant, data=False) as connection:
            values = {"tenant": tenant, "person": name}
            found = connection.execute(_ONE, values).mappings().one_or_none()
            if found is None:
                return False
            connection.execute(_DELETE, values)
            _end_sessions(connection, tenant, name)
            note(connection, tenant, by, "person removed", found["email"] or found["subject"])
        return True

    def listed(self, tenant: str) -> list[Row]:
        """Return the people of a tenant, by name."""
        query = (
            "SELECT person, email, subject, role, created_ms, seen_ms FROM {access_grant} "
            "ORDER BY email, subject, person"
        )
        return self._database.rows(tenant, query)

    def find(self, identity: Identity) -> list[Grant]:
        """Return the grants of a person in every tenant, the oldest first.

        Parameters
        ----------
        identity : Identity
            Who signs in.

        Returns
        -------
        list of Grant
            Those of the subject; else the invitations of the address, not bound yet.
        """
        bound = self._of(person(identity.issuer, "sub", identity.subject))
        invited = self._of(person(identity.issuer, "email", identity.email))
        known = {grant.tenant for grant in bound}
        return [*bound, *(grant for grant in invited if grant.tenant not in known)]

    def bind(self, grant: Grant, identity: Identity, now_ms: int) -> bool:
        """Tie a grant to the subject and remember when they came.

        Parameters
        ----------
        grant : Grant
            The grant.
        identity : Identity
            Who came.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        bool
            False when it is gone.
        """
        values = {
            "tenant": grant.tenant, "person": grant.person, "subject": identity.subject,
            "bound": person(identity.issuer, "sub", identity.subject), "seen_ms": now_ms,
        }  # fmt: skip
        with self._database.writing(grant.tenant, data=False) as connection:
            return connection.execute(_BIND, values).rowcount == 1

    def _of(self, name: str) -> list[Grant]:
        with self._database.reading("", name) as connection:
            rows = connection.execute(_FIND, {"person": name}).mappings().all()
        return [Grant(row["tenant"], name, _role(row["role"])) for row in rows]


def _role(name: str) -> Role | None:
    return None if name == NO_ACCESS else Role(name)


def _end_sessions(connection: Connection, tenant: str, name: str) -> None:
    connection.execute(_SESSIONS, {"tenant": tenant, "person": name})


_FIND = text(
    # Across tenants, as a credential is: whoever proves to be this person sees their own rows.
    "SELECT tenant, role FROM access_grant WHERE person = :person ORDER BY created_ms, tenant"
)
_COUNT = owned("SELECT count(*) FROM {access_grant}")
_SAME = owned(
    "SELECT count(*) FROM {access_grant} "
    "WHERE person = :person OR (email = :email AND email <> '')"
)
_ONE = owned("SELECT email, subject FROM {access_grant} WHERE person = :person")
_INSERT = text(
    "INSERT INTO access_grant (tenant, person, issuer, email, subject, role, created_ms) "
    "VALUES (:tenant, :person, :issuer, :email, :subject, :role, :created_ms)"
)
_CHANGE = text("UPDATE access_grant SET role = :role WHERE tenant = :tenant AND person = :person")
_BIND = text(
    "UPDATE access_grant SET person = :bound, subject = :subject, seen_ms = :seen_ms "
    "WHERE tenant = :tenant AND person = :person"
)
_DELETE = text("DELETE FROM access_grant WHERE tenant = :tenant AND person = :person")
_SESSIONS = text("DELETE FROM credential WHERE tenant = :tenant AND person = :person")
