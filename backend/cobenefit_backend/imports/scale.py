"""Units of a file to the unit of a channel.

>>> from cobenefit_wire.units import QUANTITIES
>>> scaled(Draft(1, 0, 1_800_000, 600.0, "W"), QUANTITIES["energy_import_wh"])
300.0
"""

from cobenefit_backend.errors import InputError
from cobenefit_backend.imports.records import HOUR_MS, Draft
from cobenefit_wire import units
from cobenefit_wire.units import Quantity

_POWER_W = {"W": 1.0, "kW": 1e3, "MW": 1e6}
_ENERGY_WH = {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6}


def scaled(draft: Draft, quantity: Quantity) -> float:
    """Return the value of a draft in the unit of the channel.

    Parameters
    ----------
    draft : Draft
        As the file has it.
    quantity : Quantity
        What the channel measures.

    Returns
    -------
    float
        The value; a mean power over a time becomes an energy. [unit of the channel]

    Raises
    ------
    InputError
        If the unit does not fit the channel.
    """
    spans = draft.end_ms > draft.start_ms
    if spans and quantity.kind == units.GAUGE:
        raise InputError(
            f"a value from a start to an end does not fit a channel of instants in "
            f"{quantity.unit!r}; leave `end` out, or import an energy",
            where=f"line {draft.number}",
        )
    if draft.unit == quantity.unit:
        return draft.value
    if quantity.unit == "Wh" and draft.unit in _ENERGY_WH:
        return draft.value * _ENERGY_WH[draft.unit]
    if quantity.unit == "Wh" and draft.unit in _POWER_W and spans:
        return draft.value * _POWER_W[draft.unit] * (draft.end_ms - draft.start_ms) / HOUR_MS
    if quantity.unit == "W" and draft.unit in _POWER_W:
        return draft.value * _POWER_W[draft.unit]
    text = f"unit {draft.unit!r} does not fit a channel in {quantity.unit!r}"
    if draft.unit in _POWER_W and not spans:
        text += ": a power needs a start and an end to become an energy"
    raise InputError(text, where=f"line {draft.number}")
