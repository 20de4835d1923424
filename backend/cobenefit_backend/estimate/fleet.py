"""Daily baselines and savings of a fleet too large for memory, block by block."""

from collections.abc import Iterable
from dataclasses import dataclass

from cobenefit_backend.estimate.baseline import Baselines, FloatArray, Fuel, fit, usable
from cobenefit_backend.estimate.join import join
from cobenefit_backend.estimate.savings import Savings, savings


@dataclass(frozen=True, slots=True)
class Block:
    """Some meters of a fleet: their days before and after.

    Attributes
    ----------
    baseline_kwh, reporting_kwh : ndarray, shape (m, n) and (m, q)
        Daily use; NaN where missing. [kWh]
    baseline_degc, reporting_degc : ndarray, shape (n,) or (m, n), and alike, or None
        Daily mean temperature, shared or per meter. [degC]
    """

    baseline_kwh: FloatArray
    reporting_kwh: FloatArray
    baseline_degc: FloatArray | None
    reporting_degc: FloatArray | None


def of_fleet(blocks: Iterable[Block], fuel: Fuel = "electricity") -> tuple[Baselines, Savings]:
    """Fit every meter and state its savings with their uncertainty.

    Parameters
    ----------
    blocks : iterable of Block
        Blocks of a few thousand meters, read one after the other; only results are kept.
    fuel : {'electricity', 'gas'}
        The same for all.

    Returns
    -------
    tuple of Baselines and Savings
        One entry per meter, in the order of the blocks.

    Raises
    ------
    ValueError
        If there is no block, or the blocks differ in their number of days.
    """
    models, saved = [], []
    for block in blocks:
        models.append(fit(block.baseline_kwh, block.baseline_degc, fuel))
        after = usable(block.reporting_kwh, fuel)
        saved.append(savings(models[-1], after, block.reporting_degc))
    if not models:
        raise ValueError("a fleet needs at least one block of meters")
    return join(models), join(saved)
