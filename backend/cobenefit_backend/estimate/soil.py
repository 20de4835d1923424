"""Nitrogen not applied: field N2O (IPCC 2019 Tier 1) and fertiliser manufacture.

The saved nitrogen is decided by a farmer, never by a sensor: without a paired design the
figure is class P. No sensor here measures N2O.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.estimate.uncertainty import (
    Draws,
    FloatArray,
    Getter,
    Model,
    interval_of,
    sensitivities,
)
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

Fertiliser = Literal["ammonium_nitrate", "urea", "ammonium", "nitrate", "unknown", "organic"]
Climate = Literal["wet", "dry", "aggregated"]
Gwp = Literal["ar6", "ar5"]

N2O_PER_N = 44 / 28
MIN_YIELD_RATIO = 0.98
TOP_CONTRIBUTORS = 5


@dataclass(frozen=True, slots=True)
class SoilInputs:
    """One season of nitrogen on a set of fields.

    Attributes
    ----------
    nitrogen_counterfactual_kg, nitrogen_observed_kg : float
        Nitrogen that would have been and that was applied, >= 0. [kg]
    nitrogen_error_kg : float or None
        Half-width of the 90 % interval of their difference, from the paired design. [kg]
    fertiliser : str
        Kind of nitrogen.
    climate : {'wet', 'dry', 'aggregated'}
        IPCC climate; Hauts-de-France is wet.
    gwp : {'ar6', 'ar5'}
        Assessment report of the warming potential.
    paired_design : bool
        Strips or comparable farms with and without advice.
    yield_before, yield_after : float or None
        Yield of the reference and of the advised plots. [t/ha]
    area_ha : float or None
        Area, for intensities. [ha]
    period_days : float
        Length of the season. [d]
    coverage_ratio : float
        Share of the decisions logged, 0 to 1. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the log comes from.
    """

    nitrogen_counterfactual_kg: float
    nitrogen_observed_kg: float
    nitrogen_error_kg: float | None = None
    fertiliser: Fertiliser = "ammonium_nitrate"
    climate: Climate = "wet"
    gwp: Gwp = "ar6"
    paired_design: bool = False
    yield_before: float | None = None
    yield_after: float | None = None
    area_ha: float | None = None
    period_days: float = 365.0
    coverage_ratio: float = 1.0
    data_origin: DataOrigin = "measured"


def n2o_kg_per_kg(f: Getter, fertiliser: Fertiliser, climate: Climate) -> FloatArray:
    """Return the N2O of one kilogram of applied nitrogen.

    Parameters
    ----------
    f : callable
        Factor getter, see `uncertainty`.
    fertiliser : str
        Kind of nitrogen.
    climate : {'wet', 'dry', 'aggregated'}
        All-aggregated or all-disaggregated factors, never mixed; no leaching when dry.

    Returns
    -------
    ndarray
        Direct, volatilised and leached N2O. [kg/kg]

    Notes
    -----
    IPCC, 2019 Refinement, volume 4, chapter 11, equations 11.1, 11.9 and 11.10.
    """
    organic = fertiliser == "organic"
    if climate == "aggregated":
        ef1, ef4 = f("soil.ef1.aggregated"), f("soil.ef4.aggregated")
    elif climate == "dry":
        ef1, ef4 = f("soil.ef1.dry.all"), f("soil.ef4.dry")
    else:
        ef1, ef4 = f(f"soil.ef1.wet.{'organic' if organic else 'synthetic'}"), f("soil.ef4.wet")
    if organic:
        volatilised = f("soil.fracgasm")
    elif climate == "aggregated" or fertiliser == "unknown":
        volatilised = f("soil.fracgasf.aggregated")
    else:
        volatilised = f(f"soil.fracgasf.{fertiliser}")
    leached = np.asarray(0.0) if climate == "dry" else f("soil.fracleach.wet") * f("soil.ef5")
    return np.asarray(N2O_PER_N * (ef1 + volatilised * ef4 + leached))


def manufacture_kgco2e_per_kg(f: Getter, fertiliser: Fertiliser) -> FloatArray:
    """Return the emissions of making one kilogram of nitrogen.

    Parameters
    ----------
    f : callable
        Factor getter.
    fertiliser : str
        Kind of nitrogen; none is charged for organic nitrogen.

    Returns
    -------
    ndarray
        Manufacture. [kgCO2e/kg]
    """
    if fertiliser == "organic":
        return np.asarray(0.0)
    if fertiliser == "ammonium_nitrate":
        return f("fert.n.an.manufacture.eu_bat")
    return f("fert.n.manufacture.lal2004")


def kgco2e_per_kg(f: Getter, fertiliser: Fertiliser, climate: Climate, gwp: Gwp) -> FloatArray:
    """Return what one kilogram of applied nitrogen emits, manufacture included.

    Parameters
    ----------
    f : callable
        Factor getter.
    fertiliser, climate, gwp : str
        As in `SoilInputs`.

    Returns
    -------
    ndarray
        Field and manufacture. [kgCO2e/kg]
    """
    warming = n2o_kg_per_kg(f, fertiliser, climate) * f(f"gwp100.n2o.{gwp}")
    return warming + manufacture_kgco2e_per_kg(f, fertiliser)


def emissions(
    nitrogen_kg: float,
    fertiliser: Fertiliser,
    climate: Climate,
    gwp: Gwp,
    draws: Draws,
) -> dict[str, Interval]:
    """Return what an amount of nitrogen emits.

    Parameters
    ----------
    nitrogen_kg : float
        Nitrogen applied, >= 0. [kg]
    fertiliser, climate, gwp : str
        As in `SoilInputs`.
    draws : Draws
        Shared factor draws.

    Returns
    -------
    dict of Interval
        `n2o_kg` [kg], `n2o_co2e_kg`, `manufacture_co2e_kg` and `co2e_kg`. [kgCO2e]
    """

    def _n2o(f: Getter) -> FloatArray:
        return nitrogen_kg * n2o_kg_per_kg(f, fertiliser, climate)

    def _made(f: Getter) -> FloatArray:
        return nitrogen_kg * manufacture_kgco2e_per_kg(f, fertiliser)

    def _warming(f: Getter) -> FloatArray:
        return _n2o(f) * f(f"gwp100.n2o.{gwp}")

    return {
        "n2o_kg": draws.interval(_n2o),
        "n2o_co2e_kg": draws.interval(_warming),
        "manufacture_co2e_kg": draws.interval(_made),
        "co2e_kg": draws.interval(lambda f: _warming(f) + _made(f)),
    }


def estimate(inputs: SoilInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of nitrogen not applied.

    Parameters
    ----------
    inputs : SoilInputs
        One season.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the season. [kgCO2e]

    Returns
    -------
    Estimate
        Class M with a paired design and a yield known to hold, else P.
    """
    draws = Draws(factors)
    kind, climate, gwp = inputs.fertiliser, inputs.climate, inputs.gwp
    saved_kg = inputs.nitrogen_counterfactual_kg - inputs.nitrogen_observed_kg

    def _per_kg(f: Getter) -> FloatArray:
        return kgco2e_per_kg(f, kind, climate, gwp)

    sigma_kg = (inputs.nitrogen_error_kg or 0.0) / 1.6449
    saved = saved_kg + sigma_kg * draws.normal("soil.nitrogen")
    gross = interval_of(saved_kg * float(_per_kg(draws.value)), saved * _per_kg(draws.sample))
    records = _records(inputs)
    refused = {"no_paired_design", "yield_lost", "no_yield"} & {record.code for record in records}
    return net(
        Effect(
            use_case="soil",
            evidence_class="P" if refused else "M",
            label="paired design" if inputs.paired_design else "no paired design, not claimed",
            gross_kgco2e=gross,
            rebound_kgco2e=Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=None,
            period_days=inputs.period_days,
            coverage_ratio=inputs.coverage_ratio,
            data_origin=inputs.data_origin,
            disqualifications=records,
            details={
                "nitrogen_saved_kg": saved_kg,
                "nitrogen_saved_ratio": saved_kg / max(inputs.nitrogen_counterfactual_kg, 1e-9),
                "yield_ratio": _yield_ratio(inputs),
                "saved": emissions(saved_kg, kind, climate, gwp, draws),
                "applied": emissions(inputs.nitrogen_observed_kg, kind, climate, gwp, draws),
                "contributors": _contributors(_per_kg, saved_kg, factors, draws),
                "rebound": "a change of yield is guarded, not quantified",
            },
            factor_ids=tuple(sorted(draws.used)),
            written=written(
                lambda f, m: m["nitrogen_saved_kg"] * _per_kg(f),
                {"nitrogen_saved_kg": Interval.exactly(saved_kg)},
                factors,
            ),
        ),
        footprint,
    )


def _contributors(
    per_kg: Model, saved_kg: float, factors: FactorSet, draws: Draws
) -> dict[str, Interval]:
    """Return the effect at the ends of the five factors that matter most."""
    spans = sensitivities(per_kg, factors, sorted(draws.used))
    return {name: spans[name].scaled(saved_kg) for name in list(spans)[:TOP_CONTRIBUTORS]}


def _yield_ratio(inputs: SoilInputs) -> float | None:
    if inputs.yield_before is None or inputs.yield_after is None or inputs.yield_before <= 0:
        return None
    return inputs.yield_after / inputs.yield_before


def _records(inputs: SoilInputs) -> tuple[Disqualification, ...]:
    return (
        *yield_guard(inputs.yield_before, inputs.yield_after),
        *_design_records(inputs),
    )


def _design_records(inputs: SoilInputs) -> list[Disqualification]:
    records = []
    if not inputs.paired_design:
        records.append(
            Disqualification(
                "no_paired_design",
                "Nothing shows what would have been applied without the advice.",
            )
        )
    if inputs.nitrogen_error_kg is None:
        records.append(
            Disqualification(
                "nitrogen_error_unknown",
                "The error of the saved nitrogen is not known: the interval is too narrow.",
            )
        )
    if inputs.fertiliser == "organic":
        records.append(
            Disqualification(
                "organic_manufacture_not_counted",
                "No manufacture is charged for organic nitrogen.",
            )
        )
    return records


def yield_guard(
    yield_before: float | None, yield_after: float | None
) -> tuple[Disqualification, ...]:
    """Refuse a saving paid for by the harvest.

    Parameters
    ----------
    yield_before, yield_after : float or None
        Yield of the reference and of the advised plots. [t/ha]

    Returns
    -------
    tuple of Disqualification
        `no_yield` when unknown, `yield_lost` below 0.98 of the reference.
    """
    if yield_before is None or yield_after is None or yield_before <= 0:
        return (
            Disqualification("no_yield", "Without yields a leak of emissions cannot be seen."),
        )
    ratio = yield_after / yield_before
    if ratio >= MIN_YIELD_RATIO:
        return ()
    return (
        Disqualification(
            "yield_lost",
            "The yield fell by more than 2 %: emissions may have moved elsewhere.",
            {"yield_ratio": ratio, "limit": MIN_YIELD_RATIO},
        ),
    )
