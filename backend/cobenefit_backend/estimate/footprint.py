"""First-order effect: what our own devices, gateway, network and servers emit per year.

    per year = (manufacture x truncation + end of life + installation) / lifetime
               + use + batteries + network + gateway share + backend share

Manufacture follows the block model of Pirson and Bol, "Assessing the embodied carbon
footprint of IoT edge devices with a bottom-up life-cycle approach", J. Cleaner Production
322, 2021: functional blocks at hardware specification levels 0 to 3. Their abstract says
truncation may hide about a factor 2: every result comes with truncation 1 and 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.uncertainty import Draws, FloatArray, Getter, interval_of
from cobenefit_backend.factors.registry import FactorSet

Grid = Literal["average", "marginal"]
GRID_FACTOR: Mapping[Grid, str] = {
    "average": "grid.fr.ademe.avg.lca",
    "marginal": "grid.fr.co2js.marginal",
}
TRUNCATIONS = (1, 2)
HOURS_PER_YEAR = 8766.0
_Z95 = NormalDist().inv_cdf(0.95)
_CERTAIN = np.ones(())
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the footprint sees it.

    Attributes
    ----------
    blocks : mapping of str to int
        Functional block to hardware specification level, such as `{"processing": 0}`. [1]
    lifetime_years : float
        Years in service, > 0. [yr]
    energy_wh_per_year : float
        Energy drawn, >= 0, measured where possible. [W.h/yr]
    energy_error_ratio : float
        The energy lies between itself divided and multiplied by 1 + this, >= 0, at 90 %. [1]
    powered_by : {'mains', 'battery'}
        Mains energy is charged at the grid factor; battery energy is inside the cells.
    cells_per_year : float
        AA alkaline cells replaced, as uncertain as the energy they give. [1/yr]
    bytes_per_year : float
        Bytes sent and received at the socket. [B/yr]
    network : {'fixed', 'mobile'}
        Access network.
    installation_km : float
        Van kilometres of the installation visit. [km]
    mass_g : float or None
        Mass, only for a cross-check of the end of life. [g]
    """

    blocks: Mapping[str, int]
    lifetime_years: float
    energy_wh_per_year: float = 0.0
    energy_error_ratio: float = 0.0
    powered_by: Literal["mains", "battery"] = "mains"
    cells_per_year: float = 0.0
    bytes_per_year: float = 0.0
    network: Literal["fixed", "mobile"] = "fixed"
    installation_km: float = 0.0
    mass_g: float | None = None


@dataclass(frozen=True, slots=True)
class FootprintInputs:
    """A deployment: equal devices, and their shares of gateway and backend.

    Attributes
    ----------
    device : Device
        The device.
    count : int
        Devices installed, also those that never came online, >= 1. [1]
    gateway : Device or None
        The gateway; None leaves it out, with a record.
    gateway_shared_by : int
        Devices sharing one gateway, >= 1. [1]
    backend_shared_by : int or None
        Devices sharing one server, >= 1; None leaves it out, with a record. [1]
    """

    device: Device
    count: int = 1
    gateway: Device | None = None
    gateway_shared_by: int = 1
    backend_shared_by: int | None = None


@dataclass(frozen=True, slots=True)
class FootprintResult:
    """Footprint of a deployment per year.

    Attributes
    ----------
    stages : mapping
        Truncation (1 or 2) to life-cycle stage to interval, average grid. [kgCO2e/yr]
    total, total_marginal : mapping
        Truncation to total, under the average and the marginal grid. [kgCO2e/yr]
    embodied_kgco2e : Interval
        Manufacture and end of life of one device over its life, truncation 1. [kgCO2e]
    disqualifications : tuple of Disqualification
        What was left out.
    factor_ids : tuple of str
        Factors used, sorted.
    details : mapping
        Cross-checks.
    one_off, running : Interval
        What is owed once for the whole deployment (making, installing and disposing of it, and
        its share of gateway and server), truncation 1 [kgCO2e]; and what every further year
        adds, average grid. [kgCO2e/yr]
    """

    stages: Mapping[int, Mapping[str, Interval]]
    total: Mapping[int, Interval]
    total_marginal: Mapping[int, Interval]
    embodied_kgco2e: Interval
    disqualifications: tuple[Disqualification, ...]
    factor_ids: tuple[str, ...]
    details: Mapping[str, Interval]
    one_off: Interval
    running: Interval

    def over(self, days: float, truncation: int = 1, grid: Grid = "average") -> Interval:
        """Return the footprint of a period.

        Parameters
        ----------
        days : float
            Length of the period, >= 0. [d]
        truncation : {1, 2}
            Multiplier of the manufacture. [1]
        grid : {'average', 'marginal'}
            Electricity factor.

        Returns
        -------
        Interval
            Footprint of the whole deployment. [kgCO2e]
        """
        totals = self.total if grid == "average" else self.total_marginal
        return totals[truncation].scaled(days / DAYS_PER_YEAR)


def footprint(inputs: FootprintInputs, factors: FactorSet) -> FootprintResult:
    """Estimate the yearly footprint of a deployment by life-cycle stage.

    Parameters
    ----------
    inputs : FootprintInputs
        Devices, gateway and backend shares.
    factors : FactorSet
        Emission factors.

    Returns
    -------
    FootprintResult
        Intervals with truncation 1 and 2, under both grids.

    Raises
    ------
    FactorError
        If a block or a level does not exist.
    """
    draws = Draws(factors)
    stages, total, marginal = {}, {}, {}
    for truncation in TRUNCATIONS:
        central, sampled = _both(draws, inputs, truncation, "average")
        stages[truncation] = {
            stage: interval_of(float(central[stage]), sampled[stage]) for stage in central
        }
        total[truncation] = _summed(central, sampled)
        marginal[truncation] = _summed(*_both(draws, inputs, truncation, "marginal"))
    device = inputs.device
    embodied = draws.interval(lambda f: _blocks(f, device, "fab") + _blocks(f, device, "eol"))
    details = {"embodied_kgco2e": embodied}
    if device.mass_g is not None:
        tonne = device.mass_g / 1e6
        details["end_of_life_by_mass_kgco2e"] = draws.interval(
            lambda f: tonne * f("eol.weee.defra2022")
        )
    return FootprintResult(
        stages, total, marginal, embodied, _records(inputs), tuple(sorted(draws.used)), details,
        one_off=draws.interval(lambda f: _one_off(f, inputs)),
        running=draws.interval(lambda f: _running(f, inputs)),
    )  # fmt: skip


def break_even_ratio(footprint_kgco2e: float, activity: float, factor_kgco2e: float) -> float:
    """Return the share of an activity that must be saved to pay for the footprint.

    Parameters
    ----------
    footprint_kgco2e : float
        Footprint of the period. [kgCO2e]
    activity : float
        Activity of the same period, > 0. [activity unit]
    factor_kgco2e : float
        Emission factor, > 0. [kgCO2e per activity unit]

    Returns
    -------
    float
        Break-even saving. [1]
    """
    return footprint_kgco2e / (activity * factor_kgco2e)


def _both(
    draws: Draws, inputs: FootprintInputs, truncation: int, grid: Grid
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the stages with the values of the factors, and with their draws."""
    noise = _energy_noise(draws, inputs)
    return (
        _stages(draws.value, inputs, truncation, grid),
        _stages(draws.sample, inputs, truncation, grid, noise),
    )


def _summed(central: dict[str, FloatArray], sampled: dict[str, FloatArray]) -> Interval:
    return interval_of(float(sum(central.values())), np.asarray(sum(sampled.values())))


def _energy_noise(draws: Draws, inputs: FootprintInputs) -> FloatArray:
    """Return lognormal draws around 1 whose 90 % interval is the error of the energy [1]."""
    ratio = inputs.device.energy_error_ratio
    if not ratio:
        return _CERTAIN
    return np.asarray(np.exp(np.log1p(ratio) / _Z95 * draws.normal("device.energy")))


def _stages(
    f: Getter,
    inputs: FootprintInputs,
    truncation: int,
    grid: Grid,
    energy_noise: FloatArray = _CERTAIN,
) -> dict[str, FloatArray]:
    stages = _device_stages(f, inputs.device, truncation, grid)
    for stage in ("use", "batteries"):
        stages[stage] = stages[stage] * energy_noise
    zero = np.zeros_like(stages["manufacture"])
    stages["gateway"] = stages["backend"] = zero
    if inputs.gateway is not None:
        own = _device_stages(f, inputs.gateway, truncation, grid)
        stages["gateway"] = np.asarray(sum(own.values())) / inputs.gateway_shared_by
    if inputs.backend_shared_by is not None:
        stages["backend"] = _server(f, grid) / inputs.backend_shared_by
    return {stage: np.asarray(value * inputs.count) for stage, value in stages.items()}


def _device_stages(
    f: Getter, device: Device, truncation: int, grid: Grid
) -> dict[str, FloatArray]:
    years = device.lifetime_years
    use_kwh = device.energy_wh_per_year / 1000 if device.powered_by == "mains" else 0.0
    gigabyte = device.bytes_per_year / 1e9
    litre_per_km = f("veh.van.fr2005.l100") / 100
    return {
        "manufacture": _blocks(f, device, "fab") * truncation / years,
        "installation": device.installation_km
        * litre_per_km
        * f("fuel.diesel.law2017.total")
        / years,
        "use": use_kwh * f(GRID_FACTOR[grid]),
        "batteries": device.cells_per_year * f("batt.aa_alkaline"),
        "network": gigabyte * f(f"net.{device.network}_fr") / 1000,
        "end_of_life": _blocks(f, device, "eol") / years,
    }


def _one_off(f: Getter, inputs: FootprintInputs) -> FloatArray:
    """Return what a deployment owes once."""
    owed = _made(f, inputs.device)
    if inputs.gateway is not None:
        owed = owed + _made(f, inputs.gateway) / inputs.gateway_shared_by
    if inputs.backend_shared_by is not None:
        owed = owed + f("ict.server.build") / inputs.backend_shared_by
    return np.asarray(owed * inputs.count)


def _made(f: Getter, device: Device) -> FloatArray:
    stages = _device_stages(f, device, 1, "average")
    yearly = stages["manufacture"] + stages["installation"] + stages["end_of_life"]
    return np.asarray(yearly * device.lifetime_years)


def _running(f: Getter, inputs: FootprintInputs) -> FloatArray:
    """Return what a deployment adds every year it runs."""
    yearly = _used(f, inputs.device)
    if inputs.gateway is not None:
        yearly = yearly + _used(f, inputs.gateway) / inputs.gateway_shared_by
    if inputs.backend_shared_by is not None:
        yearly = yearly + _server_use(f, "average") / inputs.backend_shared_by
    return np.asarray(yearly * inputs.count)


def _used(f: Getter, device: Device) -> FloatArray:
    stages = _device_stages(f, device, 1, "average")
    return np.asarray(stages["use"] + stages["batteries"] + stages["network"])


def _blocks(f: Getter, device: Device, stage: str) -> FloatArray:
    return np.asarray(
        sum(f(f"iot.block.{name}.hsl{level}.{stage}") for name, level in device.blocks.items())
    )


def _server(f: Getter, grid: Grid) -> FloatArray:
    return f("ict.server.build") / f("ict.server.life") + _server_use(f, grid)


def _server_use(f: Getter, grid: Grid) -> FloatArray:
    kwh = f("ict.server.active") / 1000 * HOURS_PER_YEAR * f("dc.pue.coc2016")
    return np.asarray(kwh * f(GRID_FACTOR[grid]))


def _records(inputs: FootprintInputs) -> tuple[Disqualification, ...]:
    device = inputs.device
    records = [
        Disqualification(
            "transport_not_counted",
            "Transport of the devices is not counted: no sourced factor for air freight.",
        )
    ]
    if inputs.gateway is None:
        records.append(Disqualification("gateway_not_counted", "No gateway share is counted."))
    if inputs.backend_shared_by is None:
        records.append(Disqualification("backend_not_counted", "No server share is counted."))
    if device.powered_by == "battery" and device.cells_per_year == 0:
        records.append(
            Disqualification("cells_not_counted", "A battery device without replaced cells.")
        )
    return tuple(records)
