"""A formula written out: the model runs on numbers that remember how they were made.

>>> cars = Term(3, "cars"); litres = Term(5.0, "l")
>>> (cars * litres / 100).numbers
'3 * 5.0 / 100'

The text is plain arithmetic: evaluated again it gives the number it explains.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.registry import FactorSet

_SUM, _PRODUCT, _ATOM = 1, 2, 3


class Term:
    """A number with the arithmetic behind it.

    Parameters
    ----------
    value : float
        The number. [any]
    name : str
        What stands for it in the formula with names.
    numbers : str, optional
        What stands for it in the formula with numbers; the number by default.
    rank : int, optional
        How strongly the outermost operation binds. [1]
    """

    def __init__(self, value: float, name: str, numbers: str = "", rank: int = _ATOM) -> None:
        self.value = float(value)
        self.name = name
        self.numbers = numbers or repr(float(value))
        self.rank = rank if value >= 0 or numbers else _SUM

    def __float__(self) -> float:
        """Return the number."""
        return self.value

    def __add__(self, other: Any) -> "Term":
        """Add."""
        return _joined(self, "+", _term(other))

    def __radd__(self, other: Any) -> "Term":
        """Add."""
        return _joined(_term(other), "+", self)

    def __sub__(self, other: Any) -> "Term":
        """Subtract."""
        return _joined(self, "-", _term(other))

    def __rsub__(self, other: Any) -> "Term":
        """Subtract."""
        return _joined(_term(other), "-", self)

    def __mul__(self, other: Any) -> "Term":
        """Multiply."""
        return _joined(self, "*", _term(other))

    def __rmul__(self, other: Any) -> "Term":
        """Multiply."""
        return _joined(_term(other), "*", self)

    def __truediv__(self, other: Any) -> "Term":
        """Divide."""
        return _joined(self, "/", _term(other))

    def __rtruediv__(self, other: Any) -> "Term":
        """Divide."""
        return _joined(_term(other), "/", self)


@dataclass(frozen=True, slots=True)
class Written:
    """A formula and its numbers.

    Attributes
    ----------
    names : str
        The formula with the names of quantities and factors.
    numbers : str
        The same with their central values: plain arithmetic.
    result : float
        What it gives. [unit of the model]
    factor_ids : tuple of str
        Factors in it, in the order they are met.
    """

    names: str
    numbers: str
    result: float
    factor_ids: tuple[str, ...]


def written(
    model: Callable[[Any, Mapping[str, Any]], Any],
    measured: Mapping[str, Interval],
    factors: FactorSet,
) -> Written:
    """Write a model out with its central values.

    Parameters
    ----------
    model : callable
        `model(f, m)`, made of sums, differences, products and quotients.
    measured : mapping of str to Interval
        Measured quantities. [units as the model takes them]
    factors : FactorSet
        Where factors are looked up.

    Returns
    -------
    Written
        The formula; its text evaluated gives its result.
    """
    met: dict[str, Term] = {}

    def factor(key: str) -> Term:
        return met.setdefault(key, Term(factors[key].value, key))

    names = {name: Term(each.central, name) for name, each in measured.items()}
    result = model(factor, names)
    term = _term(result.item() if isinstance(result, np.ndarray) else result)
    return Written(term.name, term.numbers, term.value, tuple(met))


def _term(value: Any) -> Term:
    if isinstance(value, np.ndarray):
        value = value.item()
    return value if isinstance(value, Term) else Term(value, f"{float(value):.12g}")


def _joined(left: Term, sign: str, right: Term) -> Term:
    for gone, kept in ((left, right), (right, left)):  # a sum starts at 0: not worth writing
        if sign == "+" and gone.value == 0 and gone.numbers == "0.0":
            return kept
    rank = _SUM if sign in "+-" else _PRODUCT
    strict = sign in "-/"  # a - (b - c), a / (b * c)
    value = {"+": float.__add__, "-": float.__sub__, "*": float.__mul__, "/": float.__truediv__}
    return Term(
        value[sign](left.value, right.value),
        f"{_in(left, left.name, rank)} {sign} {_in(right, right.name, rank, strict)}",
        f"{_in(left, left.numbers, rank)} {sign} {_in(right, right.numbers, rank, strict)}",
        rank,
    )


def _in(term: Term, text: str, rank: int, strict: bool = False) -> str:
    inside = term.rank < rank or (strict and term.rank == rank)
    return f"({text})" if inside else text
