"""From a board file to the device the footprint sees."""

from dataclasses import replace
from typing import Any

from cobenefit_backend.estimate.footprint import Device
from cobenefit_boards import Board


def device_of(board: Board, **measured: Any) -> Device:
    """Return the device of a board file.

    Parameters
    ----------
    board : Board
        From `cobenefit_boards.load`.
    **measured : Any
        Fields of `Device` that replace those of the board, such as the node's own
        `energy_wh_per_year` and `bytes_per_year`.

    Returns
    -------
    Device
        Energy is 0 unless given, or `power_mw["active"]` the year round for a mains board
        that states it.
    """
    facts = board.footprint
    active_mw = facts.power_mw.get("active", 0.0)
    device = Device(
        blocks=dict(facts.blocks),
        lifetime_years=facts.lifetime_years,
        powered_by=facts.powered_by,
        mass_g=facts.mass_g,
        energy_wh_per_year=active_mw / 1000 * 8766 if facts.powered_by == "mains" else 0.0,
    )
    return replace(device, **measured)
