"""What is kept of imports and corrections, so that each can be undone and none is forgotten."""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel


class ImportBatch(SQLModel, table=True):
    """One file: previewed, committed or undone."""

    __tablename__: ClassVar[str] = "import_batch"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    site: str
    device: str
    channel: str
    file: str
    format: str
    sha256: str
    state: str
    number: int
    replaces: bool
    made_by: str
    made_ms: int = Field(sa_type=BigInteger)
    samples: str
    refused: str
    summary: str


class ImportWindow(SQLModel, table=True):
    """One window that imports wrote or removed: the row before, and the digest of that after."""

    __tablename__: ClassVar[str] = "import_window"

    tenant: str = Field(primary_key=True)
    site: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    start_ms: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    length_s: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    before: str | None
    after: str | None


class Correction(SQLModel, table=True):
    """Who changed what was measured, when and why; lines go with an erasure, else never."""

    __tablename__: ClassVar[str] = "correction"
    __table_args__ = (Index("ix_correction_tenant", "tenant", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    t_ms: int = Field(sa_type=BigInteger)
    who: str
    kind: str
    site: str
    device: str
    channel: str
    start_ms: int = Field(sa_type=BigInteger)
    end_ms: int = Field(sa_type=BigInteger)
    why: str
    old: str
    new: str
    reference: str
