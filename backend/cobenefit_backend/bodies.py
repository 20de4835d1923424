"""The bodies of the HTTP contract, checked as they are decoded (docs/reference/contracts.md, 3).

`decode` raises `RequestError` with the status and a sentence for the sender; nothing here
touches the database.
"""

import hashlib
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from cobenefit_backend.errors import RequestError

Name = Annotated[str, Meta(pattern="^[a-z0-9-]{1,32}$")]
Claimed = Annotated[str, Meta(max_length=128)]
"""A name as a refused topic gave it, which may be the very reason for the refusal."""
ClaimedTime = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Channel = Annotated[str, Meta(pattern="^[a-z0-9_]{1,32}$")]
AnyChannel = Annotated[str, Meta(pattern="^[a-z0-9_]{0,32}$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Millis = Annotated[int, Meta(ge=0, le=2**53)]
Length = Annotated[int, Meta(ge=1, le=366 * 86_400)]
Text = Annotated[str, Meta(max_length=500)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Spool = Annotated[
    str, Meta(pattern="^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
]
BodyT = TypeVar("BodyT")


class Rollups(Struct, forbid_unknown_fields=True):
    """The columns of a page, each as long as `series_id`."""

    tenant: Name
    series: list[tuple[Name, Name, Channel]]
    series_id: list[Count]
    start_ms: list[Millis]
    length_s: list[Length]
    revision: list[Small]
    count: list[Small]
    expected: list[Small]
    flagged: list[Small]
    first: list[float | None]
    first_t_ms: list[Millis | None]
    last: list[float | None]
    last_t_ms: list[Millis | None]
    min: list[float | None]
    max: list[float | None]
    sum: list[float | None]
    m2: list[float | None]
    delta: list[float | None]
    integral: list[float | None]
    covered_s: list[float | None]
    histogram: list[list[Count] | None]


VALUE_COLUMNS = Rollups.__struct_fields__[3:]


class PageEnvelope(Struct, forbid_unknown_fields=True):
    """A spool page with its rollups still as the bytes that were sent."""

    spool: Spool
    page: Count
    sha256: Sha256
    rollups: Raw


class PageBody(Struct):
    """A spool page as the reference describes it."""

    spool: Spool
    page: Count
    sha256: Sha256
    rollups: Rollups


class QuarantineRow(Struct, forbid_unknown_fields=True):
    """Running total of one reason."""

    site: Claimed
    device: Claimed
    channel: Claimed
    reason: Annotated[str, Meta(min_length=1, max_length=64)]
    readings: Count
    packs: Count
    first_t_ms: ClaimedTime | None
    last_t_ms: ClaimedTime | None
    detail: Annotated[str, Meta(max_length=2000)] = ""
    revision: Count = 0


class QuarantineBody(Struct, forbid_unknown_fields=True):
    """Totals of what the gateway refused."""

    tenant: Name
    rows: list[QuarantineRow]


class HealthRow(Struct, forbid_unknown_fields=True):
    """The ledger of one node since one start."""

    site: Name
    device: Name
    t_ms: Millis | None
    boot: Count
    uptime_ms: Count
    wakes: Count
    energy_mj: Count
    energy_method: Annotated[str, Meta(max_length=64)]
    tx_bytes: Count
    rx_bytes: Count
    reconnects: Count
    resets: Count
    battery_mv: Count | None
    waiting: Count
    lost: dict[Claimed, Count]
    online: bool
    asleep_ms: Count = 0
    radio_ms: Count = 0
    error_permille: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    flash_bytes: Count = 0
    causes: Annotated[list[Count], Meta(max_length=16)] = []
    battery_changes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class HealthBody(Struct, forbid_unknown_fields=True):
    """The latest ledgers."""

    tenant: Name
    rows: list[HealthRow]


class WeatherBody(Struct, forbid_unknown_fields=True):
    """Temperatures of one station."""

    tenant: Name
    station: Annotated[str, Meta(min_length=1, max_length=64)]
    source: Text
    licence: Text
    t_ms: list[Millis]
    temperature_degc: list[Annotated[float, Meta(ge=-90, le=60)]]


class ActivityRow(Struct, forbid_unknown_fields=True):
    """Something people did."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    site: Name
    use_case: Annotated[str, Meta(min_length=1, max_length=32)]
    date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    place: Text
    quantity: Annotated[str, Meta(min_length=1, max_length=64)]
    amount: float
    unit: Annotated[str, Meta(min_length=1, max_length=32)]
    arm: Text
    evidence: Text
    author: Text


class ActivityBody(Struct, forbid_unknown_fields=True):
    """Activities of a tenant."""

    tenant: Name
    rows: list[ActivityRow]


def decode(data: bytes, kind: type[BodyT]) -> BodyT:
    """Return the body, or raise `RequestError` 422 naming the place of the first fault.

    Parameters
    ----------
    data : bytes
        JSON.
    kind : type
        One of the structures of this module.

    Returns
    -------
    BodyT
        The body, checked.
    """
    try:
        body = msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise RequestError(422, "body", str(error)) from error
    if isinstance(body, WeatherBody) and len(body.t_ms) != len(body.temperature_degc):
        raise RequestError(422, "columns", "t_ms and temperature_degc differ in length")
    return body


def decode_page(data: bytes) -> tuple[PageEnvelope, Rollups]:
    """Return a spool page whose hash, schema and column lengths hold.

    Parameters
    ----------
    data : bytes
        JSON as received; the hash covers the bytes of `rollups` as sent.

    Returns
    -------
    tuple of PageEnvelope, Rollups
        The identity of the page and its columns.
    """
    envelope = decode(data, PageEnvelope)
    found = hashlib.sha256(envelope.rollups).hexdigest()
    if found != envelope.sha256:
        raise RequestError(422, "hash", f"rollups hash to {found}, not {envelope.sha256}")
    rollups = decode(bytes(envelope.rollups), Rollups)
    rows = len(rollups.series_id)
    for name in VALUE_COLUMNS:
        if len(getattr(rollups, name)) != rows:
            raise RequestError(422, "columns", f"{name} is not as long as series_id ({rows})")
    if rows and max(rollups.series_id) >= len(rollups.series):
        raise RequestError(422, "columns", "series_id points outside series")
    return envelope, rollups


def schema(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a body with its definitions inside, for OpenAPI."""
    (reference,), components = msgspec.json.schema_components(
        [kind], ref_template="#/$defs/{name}"
    )
    return {**reference, "$defs": components}
