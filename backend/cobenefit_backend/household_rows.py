"""What a page of rollups may keep of households; the rest is counted, never stored."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, text

from cobenefit_backend.bodies import VALUE_COLUMNS, Rollups
from cobenefit_backend.consents import Register

NO_CONSENT, ERASED = "no_consent", "erased"
"""Why a window is not kept; the erased ones are counted by site, so that no row names the home."""
Key = tuple[int, str]
"""Index of the series, and the reason."""
_COLUMNS = ("series_id", *VALUE_COLUMNS)
_COUNT = text(
    "INSERT INTO quarantine (tenant, site, device, channel, reason, readings, packs, first_t_ms, "
    "last_t_ms, detail, revision) VALUES (:tenant, :site, :device, :channel, :reason, :readings, "
    "0, :first_ms, :last_ms, '', 0) ON CONFLICT (tenant, site, device, channel, reason) DO UPDATE "
    "SET readings = quarantine.readings + excluded.readings, "
    "first_t_ms = CASE WHEN quarantine.first_t_ms < excluded.first_t_ms "
    "THEN quarantine.first_t_ms ELSE excluded.first_t_ms END, "
    "last_t_ms = CASE WHEN quarantine.last_t_ms > excluded.last_t_ms "
    "THEN quarantine.last_t_ms ELSE excluded.last_t_ms END"
)


@dataclass(slots=True)
class Refused:
    """Windows of one series that may not be kept.

    Attributes
    ----------
    readings : int
        Readings in them. [reading]
    first_ms, last_ms : int
        Start of the first and of the last. [Unix ms]
    """

    readings: int
    first_ms: int
    last_ms: int


def sift(rollups: Rollups, register: Register) -> tuple[Rollups, dict[Key, Refused]]:
    """Return the rows that may be kept, and what was refused.

    Parameters
    ----------
    rollups : Rollups
        Checked columns.
    register : Register
        What the households of the tenant agree to.

    Returns
    -------
    tuple of Rollups, dict
        The columns, and the refused windows by index of their series and reason.
    """
    guarded = {
        index
        for index, (site, device, _) in enumerate(rollups.series)
        if (site, device) in register.households or register.erased_at(site, device)
    }
    if not guarded:
        return rollups, {}
    refused: dict[Key, Refused] = {}
    kept = []
    for row, index in enumerate(rollups.series_id):
        site, device, _ = rollups.series[index]
        start_ms = rollups.start_ms[row]
        if index not in guarded or register.takes(site, device, start_ms, rollups.length_s[row]):
            kept.append(row)
            continue
        reason = ERASED if start_ms < register.erased_at(site, device) else NO_CONSENT
        found = refused.setdefault((index, reason), Refused(0, start_ms, start_ms))
        found.readings += rollups.count[row]
        found.first_ms = min(found.first_ms, start_ms)
        found.last_ms = max(found.last_ms, start_ms)
    columns = {name: [getattr(rollups, name)[row] for row in kept] for name in _COLUMNS}
    return msgspec.structs.replace(rollups, **columns), refused


def count(connection: Connection, rollups: Rollups, refused: dict[Key, Refused]) -> None:
    """Add what was refused to the quarantine totals.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the page's tenant.
    rollups : Rollups
        The page.
    refused : dict
        From `sift`.
    """
    for (index, reason), found in refused.items():
        site, *names = rollups.series[index]
        device, channel = names if reason == NO_CONSENT else ("", "")
        row = {
            "tenant": rollups.tenant, "site": site, "device": device, "channel": channel,
            "reason": reason, "readings": found.readings, "first_ms": found.first_ms,
            "last_ms": found.last_ms,
        }  # fmt: skip
        connection.execute(_COUNT, row)
