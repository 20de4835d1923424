"""The footprint of a study's own devices, from the ledgers the nodes keep about themselves.

The rule is written once, in `yearly_use`; the estimator does the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from cobenefit_backend.estimate.device import device_of
from cobenefit_backend.estimate.footprint import (
    DAYS_PER_YEAR,
    HOURS_PER_YEAR,
    FootprintInputs,
    FootprintResult,
    footprint,
)
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.study import DeviceEntry, Gateway
from cobenefit_boards import Battery, load
from cobenefit_boards.energy import usable_j

Row = Mapping[str, Any]
JOULES_PER_WH = 3600
MS_PER_YEAR = DAYS_PER_YEAR * 86_400_000
MIN_UPTIME_MS = 86_400_000
#: What a ledger that states no error is off by: an INA219's gain and shunt; a published mean.
_ERROR_RATIO = {"measured": 0.02, "profile": 1.0}
_PROFILE = "profile"
_ON_GATEWAY = Disqualification(
    "backend_on_gateway",
    "The backend runs on the gateway's machine: no server of its own is counted.",
)


@dataclass(frozen=True, slots=True)
class Use:
    """Yearly use of a node.

    Parameters
    ----------
    energy_wh_per_year : float or None
        Energy, None when neither the node nor its board file says. [W.h/yr]
    own_energy_wh_per_year : float
        What of it the node itself has counted in real time; 0 where a board file or a replay
        stands in: nobody replaces cells for those. [W.h/yr]
    energy_error_ratio : float
        The energy lies between itself divided and multiplied by 1 + this. [1]
    bytes_per_year : float
        Bytes on the link, both ways. [B/yr]
    method : str
        `ledger`, `ledger_accelerated` or `none`.
    """

    energy_wh_per_year: float | None
    own_energy_wh_per_year: float
    energy_error_ratio: float
    bytes_per_year: float
    method: str


def yearly_use(
    ledgers: Sequence[Row], *, accelerated: bool, profile_mw: float | None, event_ms: float
) -> Use:
    """Scale what a node counted since its starts to a year.

    Parameters
    ----------
    ledgers : sequence of mapping
        One ledger per start of the node: `uptime_ms`, `energy_mj`, `energy_method`,
        `error_permille`, `tx_bytes`, `rx_bytes`.
    accelerated : bool
        Whether recorded data were replayed faster than they were measured.
    profile_mw : float or None
        Mean power of the board file. [mW]
    event_ms : float
        Time the readings span. [ms]

    Returns
    -------
    Use
        Energy and bytes per year.

    Notes
    -----
    In real time both are divided by the uptime. In an accelerated replay the uptime is
    minutes while the readings span years, so it carries neither: the bytes are divided by the
    time that the readings span (bytes per reading x readings per year), and the energy is the
    board's profile power, or else the mean power of the ledger, over a whole year.
    """
    uptime_ms = sum(row["uptime_ms"] for row in ledgers)
    sent = sum(row["tx_bytes"] + row["rx_bytes"] for row in ledgers)
    power_mw = sum(row["energy_mj"] for row in ledgers) / (uptime_ms / 1000) if uptime_ms else None
    span_ms = event_ms if accelerated else uptime_ms
    if accelerated and profile_mw:
        power_mw = profile_mw
    counted = bool(power_mw) and not (accelerated and profile_mw)
    power_mw = power_mw or profile_mw  # a ledger of 0 mJ means that nothing was measured
    method = "none" if not ledgers else "ledger_accelerated" if accelerated else "ledger"
    energy_wh = power_mw / 1000 * HOURS_PER_YEAR if power_mw else None
    return Use(
        energy_wh,
        energy_wh if energy_wh and counted and not accelerated else 0.0,
        _error_ratio(ledgers) if counted else _ERROR_RATIO[_PROFILE] if power_mw else 0.0,
        sent * MS_PER_YEAR / span_ms if span_ms else 0.0,
        method,
    )


def _error_ratio(ledgers: Sequence[Row]) -> float:
    """Return the error of the summed energy: full correlation, one meter or one profile [1]."""
    energy_mj = sum(row["energy_mj"] for row in ledgers)
    if not energy_mj:
        return 0.0
    off = sum(
        row["energy_mj"]
        * (
            row.get("error_permille", 0) / 1000
            or _ERROR_RATIO.get(row.get("energy_method", _PROFILE), 1.0)
        )
        for row in ledgers
    )
    return float(off / energy_mj)


def cells_per_year(
    battery: Battery | None, energy_wh_per_year: float, ledgers: Sequence[Row]
) -> float:
    """Return the cells a node on batteries uses up.

    Parameters
    ----------
    battery : Battery or None
        The cells of its board, None on mains.
    energy_wh_per_year : float
        Energy drawn. [W.h/year]
    ledgers : sequence of mapping
        One ledger per start: `uptime_ms`, `battery_changes` (of its whole life).

    Returns
    -------
    float
        Cells: those whose energy it takes, or those it was seen to be given in a year or more,
        whichever is more: cells that are changed half full are cells all the same. [1/year]
    """
    if battery is None:
        return 0.0
    by_energy = energy_wh_per_year * JOULES_PER_WH / usable_j(battery.kind)
    years = sum(row["uptime_ms"] for row in ledgers) / MS_PER_YEAR
    changes = max((row.get("battery_changes", 0) for row in ledgers), default=0)
    seen = changes * battery.cells / years if years >= 1 else 0.0
    return max(by_energy, seen)


def study_footprint(
    devices: Sequence[tuple[DeviceEntry, Sequence[Row], float]],
    gateway: Gateway,
    factors: FactorSet,
    driven_km: Mapping[str, float] = MappingProxyType({}),
) -> tuple[FootprintResult, list[dict[str, Any]]]:
    """Return the yearly footprint of the devices of a study, with its share of the rest.

    Parameters
    ----------
    devices : sequence of (DeviceEntry, ledgers, float)
        Each device, its ledgers, and the time its readings span. [ms]
    gateway : Gateway
        The gateway, divided by its number of nodes, and the server if there is one.
    factors : FactorSet
        Emission factors.
    driven_km : mapping of str to float
        Van kilometres of the visits to each device, charged over its life as installation. [km]

    Returns
    -------
    tuple of FootprintResult and list of dict
        The sum over the devices, and what was known about each.
    """
    results, facts = [], []
    for entry, ledgers, event_ms in devices:
        board = load(entry.board)
        profile_mw = board.footprint.power_mw.get("active")
        use = yearly_use(
            ledgers, accelerated=entry.accelerated, profile_mw=profile_mw, event_ms=event_ms
        )
        device = device_of(
            board,
            lifetime_years=entry.lifetime_years,
            energy_wh_per_year=use.energy_wh_per_year or 0.0,
            energy_error_ratio=use.energy_error_ratio,
            cells_per_year=cells_per_year(
                board.footprint.battery, use.own_energy_wh_per_year, ledgers
            ),
            bytes_per_year=use.bytes_per_year,
            installation_km=driven_km.get(entry.id, 0.0),
        )
        hub = device_of(load(gateway.board), lifetime_years=gateway.lifetime_years)
        result = footprint(
            FootprintInputs(
                device=device,
                gateway=hub,
                gateway_shared_by=gateway.devices,
                backend_shared_by=gateway.backend_devices or None,
            ),
            factors,
        )
        records = _records(entry, use, ledgers, virtual=board.virtual)
        kept = [r for r in result.disqualifications if r.code != "backend_not_counted"]
        if not gateway.backend_devices:
            kept.append(_ON_GATEWAY)
        result = replace(result, disqualifications=(*kept, *records))
        results.append(scaled(result, 1 / entry.shared_by))
        facts.append(_facts(entry, board.title, use) | {"cells_per_year": device.cells_per_year})
    return _added(results), facts


def _facts(entry: DeviceEntry, board: str, use: Use) -> dict[str, Any]:
    return {
        "device": entry.id,
        "board": board,
        "lifetime_years": entry.lifetime_years,
        "shared_by": entry.shared_by,
        "method": use.method,
        "energy_wh_per_year": use.energy_wh_per_year,
        "energy_error_ratio": use.energy_error_ratio,
        "bytes_per_year": use.bytes_per_year,
    }


def _records(
    entry: DeviceEntry, use: Use, ledgers: Sequence[Row], *, virtual: bool
) -> list[Disqualification]:
    uptime_ms = sum(row["uptime_ms"] for row in ledgers)
    checks = (
        (
            bool(ledgers) and not entry.accelerated and uptime_ms < MIN_UPTIME_MS,
            "short_ledger",
            "The node has counted its own use for less than a day: a year is a guess.",
        ),
        (use.method == "none", "no_ledger", "The node sent no ledger of its own use."),
        (
            use.energy_wh_per_year is None,
            "energy_unknown",
            "Neither the node nor its board file states a power: its energy is counted as zero.",
        ),
        (
            entry.accelerated,
            "accelerated_replay",
            (
                "The node replayed recorded data faster than real time: bytes are scaled by the "
                "time the readings span, energy is that of a whole year at mean power."
            ),
        ),
        (virtual, "virtual_board", "The node ran as a process; its board profile stands in."),
    )
    return [
        Disqualification(code, text, {"device": entry.id}) for hit, code, text in checks if hit
    ]


def scaled(result: FootprintResult, factor: float) -> FootprintResult:
    """Return a footprint times a certain number.

    Parameters
    ----------
    result : FootprintResult
        Yearly footprint.
    factor : float
        A number without uncertainty. [1]

    Returns
    -------
    FootprintResult
        Every stage and total scaled. [kgCO2e/yr]
    """

    def each(intervals: Mapping[Any, Interval]) -> dict[Any, Interval]:
        return {key: interval.scaled(factor) for key, interval in intervals.items()}

    return replace(
        result,
        stages={key: each(stages) for key, stages in result.stages.items()},
        total=each(result.total),
        total_marginal=each(result.total_marginal),
        one_off=result.one_off.scaled(factor),
        running=result.running.scaled(factor),
    )


def _added(results: Sequence[FootprintResult]) -> FootprintResult:
    """Add footprints bound by bound: they share their factors, so errors do not average out."""
    total = results[0]
    for other in results[1:]:
        total = replace(
            total,
            stages={
                key: {name: _sum(stages[name], other.stages[key][name]) for name in stages}
                for key, stages in total.stages.items()
            },
            total={key: _sum(value, other.total[key]) for key, value in total.total.items()},
            total_marginal={
                key: _sum(value, other.total_marginal[key])
                for key, value in total.total_marginal.items()
            },
            one_off=_sum(total.one_off, other.one_off),
            running=_sum(total.running, other.running),
            disqualifications=_distinct(total.disqualifications, other.disqualifications),
            factor_ids=tuple(sorted({*total.factor_ids, *other.factor_ids})),
        )
    return total


def _sum(a: Interval, b: Interval) -> Interval:
    return Interval(a.low + b.low, a.central + b.central, a.high + b.high)


def _distinct(
    known: tuple[Disqualification, ...], more: tuple[Disqualification, ...]
) -> tuple[Disqualification, ...]:
    codes = {record.code for record in known}
    return (*known, *(record for record in more if record.code not in codes))
