"""Board files: one TOML per board, four readers (flasher, firmware, rig, footprint).

>>> load("unix").virtual
True
"""

from cobenefit_boards.board import (
    Battery,
    Board,
    BoardError,
    Current,
    Flash,
    FootprintFacts,
    Proof,
    Rig,
    load,
    names,
)

__all__ = [
    "Battery",
    "Board",
    "BoardError",
    "Current",
    "Flash",
    "FootprintFacts",
    "Proof",
    "Rig",
    "load",
    "names",
]
