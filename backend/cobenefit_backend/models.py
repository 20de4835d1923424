"""The tables, as SQLModel classes; queries on them live in `store`, `rollups` and `access`.

Times are Unix milliseconds, UTC. Values are in the unit of the channel's quantity. Every row
carries its `tenant`: on PostgreSQL row-level security compares it (migrations 0007, 0008).
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
}
SQLModel.metadata.naming_convention = NAMING
_ZERO = {"server_default": "0"}
_EMPTY = {"server_default": ""}


class Credential(SQLModel, table=True):
    """A key, a one-time secret or a session: only its SHA-256 is kept."""

    __tablename__: ClassVar[str] = "credential"
    __table_args__ = (Index("ix_credential_tenant", "tenant"),)

    sha256: str = Field(primary_key=True)
    tenant: str
    kind: str
    role: str
    label: str
    created_ms: int = Field(sa_type=BigInteger)
    expires_ms: int | None = Field(sa_type=BigInteger)
    person: str = Field(default="", sa_column_kwargs=_EMPTY)
    ending: str = Field(default="", sa_column_kwargs=_EMPTY)


class AccessGrant(SQLModel, table=True):
    """What a person of a provider may do here; `person` is a hash, see `access.grants`."""

    __tablename__: ClassVar[str] = "access_grant"

    tenant: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    issuer: str
    email: str
    subject: str
    role: str
    created_ms: int = Field(sa_type=BigInteger)
    seen_ms: int | None = Field(sa_type=BigInteger)


class Audit(SQLModel, table=True):
    """Who did what; lines are added and never changed."""

    __tablename__: ClassVar[str] = "audit"
    __table_args__ = (Index("ix_audit_tenant", "tenant", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    t_ms: int = Field(sa_type=BigInteger)
    who: str
    action: str
    what: str


class SpoolPage(SQLModel, table=True):
    """A page of rollups that is durable here; makes repeating it harmless."""

    __tablename__: ClassVar[str] = "spool_page"

    tenant: str = Field(primary_key=True)
    spool: str = Field(primary_key=True)
    page: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    sha256: str
    rows: int
    received_ms: int = Field(sa_type=BigInteger)


class Series(SQLModel, table=True):
    """The name of a measured series, so that a rollup row carries a number only."""

    __tablename__: ClassVar[str] = "series"
    __table_args__ = (UniqueConstraint("tenant", "site", "device", "channel"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    site: str
    device: str
    channel: str


class Rollup(SQLModel, table=True):
    """One window of one series; the highest revision replaces. Monthly parts on PostgreSQL."""

    __tablename__: ClassVar[str] = "rollup"
    __table_args__ = {"postgresql_partition_by": "RANGE (start_ms)"}

    series_id: int = Field(
        primary_key=True, foreign_key="series.id", sa_column_kwargs={"autoincrement": False}
    )
    start_ms: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    length_s: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int
    count: int
    expected: int
    flagged: int
    first: float | None
    first_t_ms: int | None = Field(sa_type=BigInteger)
    last: float | None
    last_t_ms: int | None = Field(sa_type=BigInteger)
    min: float | None
    max: float | None
    sum: float | None
    m2: float | None
    delta: float | None
    integral: float | None
    covered_s: float | None
    histogram: str | None
    tenant: str


class Quarantine(SQLModel, table=True):
    """Running totals of what was refused, by reason."""

    __tablename__: ClassVar[str] = "quarantine"

    tenant: str = Field(primary_key=True)
    site: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    readings: int = Field(sa_type=BigInteger)
    packs: int = Field(sa_type=BigInteger)
    first_t_ms: int | None = Field(sa_type=BigInteger)
    last_t_ms: int | None = Field(sa_type=BigInteger)
    detail: str
    revision: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_ZERO)


class DeviceHealth(SQLModel, table=True):
    """The node's own ledger, one row per start of the node."""

    __tablename__: ClassVar[str] = "device_health"

    tenant: str = Field(primary_key=True)
    site: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    boot: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    t_ms: int | None = Field(sa_type=BigInteger)
    uptime_ms: int = Field(sa_type=BigInteger)
    wakes: int = Field(sa_type=BigInteger)
    energy_mj: int = Field(sa_type=BigInteger)
    energy_method: str
    tx_bytes: int = Field(sa_type=BigInteger)
    rx_bytes: int = Field(sa_type=BigInteger)
    reconnects: int = Field(sa_type=BigInteger)
    resets: int = Field(sa_type=BigInteger)
    battery_mv: int | None = Field(sa_type=BigInteger)
    waiting: int = Field(sa_type=BigInteger)
    lost: str
    online: bool
    asleep_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_ZERO)
    radio_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_ZERO)
    error_permille: int = Field(default=0, sa_column_kwargs=_ZERO)
    flash_bytes: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_ZERO)
    causes: str = Field(default="[]", sa_column_kwargs={"server_default": "[]"})
    battery_changes: int = Field(default=0, sa_column_kwargs=_ZERO)


class Weather(SQLModel, table=True):
    """Outdoor temperature of a station."""

    __tablename__: ClassVar[str] = "weather"

    tenant: str = Field(primary_key=True)
    station: str = Field(primary_key=True)
    t_ms: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    temperature_degc: float
    source: str
    licence: str


class Activity(SQLModel, table=True):
    """Something people did; entered by hand, never by a sensor."""

    __tablename__: ClassVar[str] = "activity"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    site: str
    use_case: str
    date: str
    place: str
    quantity: str
    amount: float
    unit: str
    arm: str
    evidence: str
    author: str


class StudyDocument(SQLModel, table=True):
    """The study document of a tenant, as checked JSON; the last one sent holds."""

    __tablename__: ClassVar[str] = "study_document"

    tenant: str = Field(primary_key=True)
    document: str
    sha256: str
    received_ms: int = Field(sa_type=BigInteger)


class LockedPlan(SQLModel, table=True):
    """The plan of a study, locked before its results are known; never replaced."""

    __tablename__: ClassVar[str] = "locked_plan"

    tenant: str = Field(primary_key=True)
    study: str = Field(primary_key=True)
    plan: str
    sha256: str
    locked_on: str


class AreaRow(SQLModel, table=True):
    """A part of the territory as uploaded, with its outline for the map (`areas`)."""

    __tablename__: ClassVar[str] = "area"

    tenant: str = Field(primary_key=True)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    insee: str
    sites: str
    polygons: str
    outline: str


class Change(SQLModel, table=True):
    """Counts the writes of a tenant, so that a computed report knows when it is stale."""

    __tablename__: ClassVar[str] = "change"

    tenant: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


class Consent(SQLModel, table=True):
    """A consent given or withdrawn; rows are added and, but for an erasure, never removed."""

    __tablename__: ClassVar[str] = "consent"
    __table_args__ = (Index("ix_consent_tenant", "tenant", "site", "device"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    site: str
    device: str
    purpose: str
    resolution: str
    action: str
    t_ms: int = Field(sa_type=BigInteger)
    evidence: str
    recorded_by: str
    recorded_ms: int = Field(sa_type=BigInteger)


class Erasure(SQLModel, table=True):
    """The proof that something was erased, and the fence that keeps it from coming back."""

    __tablename__: ClassVar[str] = "erasure"

    tenant: str = Field(primary_key=True)
    site: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    erased_ms: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    erased_by: str


class Publication(SQLModel, table=True):
    """A release of the public page: what it shows, and which parts each cell adds up."""

    __tablename__: ClassVar[str] = "publication"
    __table_args__ = (Index("ix_publication_tenant", "tenant", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    released_ms: int = Field(sa_type=BigInteger)
    period_start: str
    period_end: str
    document: str
    members: str


class PublicPage(SQLModel, table=True):
    """Whether a tenant's public page is on, and the salt of its ledger."""

    __tablename__: ClassVar[str] = "public_page"

    tenant: str = Field(primary_key=True)
    shown: bool
    salt: str


class Webhook(SQLModel, table=True):
    """An address of the tenant's own that hears of events; its secret is derived, not stored."""

    __tablename__: ClassVar[str] = "webhook"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    url: str
    events: str
    active: bool
    reason: str
    created_ms: int = Field(sa_type=BigInteger)
    delivered: int = Field(sa_type=BigInteger)
    dropped: int = Field(sa_type=BigInteger)
    seen: str


class Delivery(SQLModel, table=True):
    """The outbox: a message to a webhook that waits, or that died with its reason."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (Index("ix_delivery_tenant", "tenant", "state", "next_ms"),)

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    webhook: str
    type: str
    body: str
    created_ms: int = Field(sa_type=BigInteger)
    attempts: int
    next_ms: int = Field(sa_type=BigInteger)
    state: str
    reason: str
