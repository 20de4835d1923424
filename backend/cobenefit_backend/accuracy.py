"""Accuracy classes by name: rows of `accuracy.toml`, each with its source.

>>> load()["mid_b"].limit_ratio
0.02
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("accuracy.toml")
ASSUMED: Mapping[str, str] = {"electricity": "mid_a", "gas": "mid_gas_1_5"}
"""The weakest class a billing meter may have, by fuel: taken where none is given."""


@dataclass(frozen=True, slots=True)
class AccuracyClass:
    """The limit of error of one instrument.

    Attributes
    ----------
    limit_ratio : float
        Largest error, either way. [1]
    kind : str
        What it measures: electricity, gas or vehicles.
    what : str
        The instrument, in words.
    source, url : str
        Where the limit was read.
    status : str
        How it was read, as for a factor: seen, secondary or recalled.
    """

    limit_ratio: float
    kind: str
    what: str
    source: str
    url: str
    status: str


@cache
def load() -> Mapping[str, AccuracyClass]:
    """Return the classes by name.

    Returns
    -------
    mapping of str to AccuracyClass
        In the order of the file.
    """
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: AccuracyClass(**row) for name, row in table.items()}
