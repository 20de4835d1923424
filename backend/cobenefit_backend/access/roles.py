"""Roles and what each may do; a test compares docs/reference/access.md with it.

Pure: nothing here knows a request or a database.
"""

from enum import StrEnum


class Scope(StrEnum):
    """What a route asks of its caller."""

    READ = "read"
    INGEST = "ingest"
    DOCUMENT = "document"
    ADMIN = "admin"


class Role(StrEnum):
    """What a credential is given; `gateway` is for machines."""

    GATEWAY = "gateway"
    VIEWER = "viewer"
    OFFICER = "officer"
    OPERATOR = "operator"
    ADMIN = "admin"


PEOPLE = (Role.VIEWER, Role.OFFICER, Role.OPERATOR, Role.ADMIN)
"""Roles a person may be given."""

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.GATEWAY: frozenset({Scope.INGEST}),
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OFFICER: frozenset({Scope.READ, Scope.DOCUMENT}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.INGEST}),
    Role.ADMIN: frozenset(Scope),
}
