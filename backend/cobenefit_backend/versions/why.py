"""Why a figure moved: the new inputs are put into the old formula one after another.

A report carries the formula of each study twice, with names and with numbers
(`estimate.written`). Where two versions have the same formula, each input takes its new value in
turn, factors first and measured quantities after; what the result moves by is that input's part.
The parts add up to the whole change. Their order is a convention, and the page says so.

>>> old = {"equation": "saved_kwh * grid", "arithmetic": "100.0 * 0.05"}
>>> new = {"equation": "saved_kwh * grid", "arithmetic": "120.0 * 0.06"}
>>> [(step.name, round(step.change_kgco2e, 2)) for step in steps(old, new, {"grid"})]
[('grid', 1.0), ('saved_kwh', 1.2)]
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"[()]|[^\s()]+")
_BARE = re.compile(r"\(([^\s()]+)\)")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub,
    ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """The part of one input in a change.

    Attributes
    ----------
    name : str
        Factor id, or name of a measured quantity.
    is_factor : bool
        Which of the two.
    old, new : float
        Its values. [unit of the input]
    change_kgco2e : float
        What the result moves by. [kgCO2e]
    """

    name: str
    is_factor: bool
    old: float
    new: float
    change_kgco2e: float


def steps(
    old: Mapping[str, Any], new: Mapping[str, Any], factors: Collection[str]
) -> list[Step] | None:
    """Attribute the change of gross minus rebound to its inputs.

    Parameters
    ----------
    old, new : mapping
        A study of two reports, with `equation` and `arithmetic`.
    factors : collection of str
        Which names are factors.

    Returns
    -------
    list of Step or None
        Inputs that moved, in the order they were replaced; None where the formulas differ or a
        text is none.
    """
    formula = _BARE.sub(r"\1", old["equation"])
    if not formula or formula != _BARE.sub(r"\1", new["equation"]):
        return None
    before, after = _values(old), _values(new)
    moved = [name for name, value in before.items() if value != after.get(name)]
    found, level = [], _result(formula, before)
    for name in sorted(moved, key=lambda each: (each not in factors, each)):
        was = before[name]
        before[name] = after[name]
        reached = _result(formula, before)
        found.append(Step(name, name in factors, was, after[name], reached - level))
        level = reached
    return found


def _values(case: Mapping[str, Any]) -> dict[str, float]:
    """Return the number behind each name of a formula; both texts have the same tokens."""
    names, numbers = (_TOKEN.findall(case[key]) for key in ("equation", "arithmetic"))
    return {
        name: float(number)
        for name, number in zip(names, numbers, strict=True)
        if name[0].isalpha() or name[0] == "_"
    }


def _result(formula: str, values: Mapping[str, float]) -> float:
    text = _TOKEN.sub(lambda found: _number(found[0], values), formula)
    return _evaluated(ast.parse(text, mode="eval").body)


def _number(token: str, values: Mapping[str, float]) -> str:
    return f"({values[token]!r})" if token in values else token


def _evaluated(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_evaluated(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_evaluated(left), _evaluated(right))
    raise ValueError(f"not plain arithmetic: {ast.unparse(node)}")
