"""Which cells may be published, given what is published beside them and was before.

Whoever reads every cell of every release can form any linear combination of them. All parts that
belong to exactly the same cells keep one common coefficient in it: they form an *atom*, and a
combination is a weighted sum of whole atoms. So when each atom is safe, nothing derived from the
cells can single anybody out, whatever is subtracted from what: totals, crossing groupings,
successive releases. This is stricter than primary and secondary suppression by linear
programming (Hundepool and others, Statistical Disclosure Control, 2012, chapter 4) and needs no
solver: a cell that would split off an unsafe atom is suppressed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.privacy.sensitivity import (
    FloatArray,
    IntArray,
    Rules,
    is_dominated,
    is_few,
)

BoolMatrix = NDArray[np.bool_]


class Verdict(StrEnum):
    """Whether a cell is shown, else why not."""

    SHOWN = "shown"
    FEW = "few"
    DOMINATED = "dominated"
    DERIVABLE = "derivable"
    COMPARABLE = "comparable"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the cells add up, part by part; a contributor may have several.

    Attributes
    ----------
    contributor : ndarray, shape (n,)
        Code of who stands behind each part. [-]
    magnitude : ndarray, shape (n,) or (measures, n)
        Its size, by each measure that must not give anybody away; NaN for a part of an earlier
        release that nobody can look up any more. [any]
    """

    contributor: IntArray
    magnitude: FloatArray


def atoms(cells: BoolMatrix) -> list[IntArray]:
    """Return the groups of parts that no combination of cells can tell apart.

    Parameters
    ----------
    cells : ndarray of bool, shape (cells, parts)
        Which part belongs to which cell.

    Returns
    -------
    list of ndarray
        Indices of the parts of each atom; parts of no cell are left out. [-]
    """
    covered = np.flatnonzero(cells.any(axis=0))
    if not len(covered):
        return []
    _, group = np.unique(cells[:, covered], axis=1, return_inverse=True)
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    return [covered[part] for part in np.split(order, edges)]


def is_safe(cells: BoolMatrix, parts: Parts, rules: Rules) -> bool:
    """Return whether cells may stand beside each other.

    Parameters
    ----------
    cells : ndarray of bool, shape (cells, parts)
        Which part belongs to which cell.
    parts : Parts
        The parts.
    rules : Rules
        The rules.

    Returns
    -------
    bool
        True when every atom is safe.
    """
    return all(_problem(atom, parts, rules) is None for atom in atoms(cells))


def decide(
    cells: BoolMatrix, parts: Parts, rules: Rules, earlier: BoolMatrix | None = None
) -> list[Verdict]:
    """Return a verdict for each cell; the first ones come first where not all can be shown.

    Parameters
    ----------
    cells : ndarray of bool, shape (cells, parts)
        Which part belongs to which cell, the most wanted cell first.
    parts : Parts
        The parts, also those that only earlier releases have.
    rules : Rules
        The rules.
    earlier : ndarray of bool, shape (earlier cells, parts), optional
        Cells published before, over periods that overlap this one.

    Returns
    -------
    list of Verdict
        In the order of the cells. The cells shown are safe together with `earlier`, provided
        that `earlier` was decided here too.
    """
    before = np.zeros((0, cells.shape[1]), np.bool_) if earlier is None else earlier
    shown: list[NDArray[np.bool_]] = []
    verdicts = []
    for cell in cells:
        found = _verdict(cell, shown, before, parts, rules)
        if found is Verdict.SHOWN:
            shown.append(cell)
        verdicts.append(found)
    return verdicts


def _verdict(
    cell: NDArray[np.bool_],
    shown: Sequence[NDArray[np.bool_]],
    before: BoolMatrix,
    parts: Parts,
    rules: Rules,
) -> Verdict:
    alone = _problem(np.flatnonzero(cell), parts, rules)
    if alone is not None:
        return alone
    beside = np.array([*shown, cell])
    if not is_safe(beside, parts, rules):
        return Verdict.DERIVABLE
    if _splits(before, beside, parts, rules):
        return Verdict.COMPARABLE
    return Verdict.SHOWN


def _splits(before: BoolMatrix, beside: BoolMatrix, parts: Parts, rules: Rules) -> bool:
    """Return whether cells make an unsafe atom of what was published before.

    An atom of before that they neither split nor touch tells what it told already.
    """
    old = {atom.tobytes() for atom in atoms(before)}
    touched: NDArray[np.bool_] = np.logical_or.reduce(beside, axis=0)
    return any(
        _problem(atom, parts, rules) is not None
        for atom in atoms(np.vstack((before, beside)))
        if touched[atom].any() or atom.tobytes() not in old
    )


def _problem(atom: IntArray, parts: Parts, rules: Rules) -> Verdict | None:
    if is_few(parts.contributor[atom], rules):
        return Verdict.FEW
    sizes = np.atleast_2d(parts.magnitude)[:, atom]
    if any(is_dominated(parts.contributor[atom], size, rules) for size in sizes):
        return Verdict.DOMINATED
    return None
