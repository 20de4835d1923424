"""Compressed number tables: the one file format of the demonstration data.

A table is xz-compressed CSV. Lines that start with ``#`` hold ``key: value`` facts (title,
licence, what was changed); then one line of column names; then integers, blank where nothing was
measured. A table with the facts ``start_ms`` and ``step_ms`` is a regular grid and stores no
times; without them the first column is ``t_ms``. The module never guesses a blank.

Example: ``read_table(path).column("energy_wh")``.
"""

import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
BLANK = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Table:
    """One file in memory: facts, times and integer columns; `BLANK` marks a missing value."""

    facts: Mapping[str, str]
    t_ms: Int64Array
    columns: Mapping[str, Int64Array]

    def column(self, name: str) -> tuple[Int64Array, Int64Array]:
        """Return times and values of a column, missing rows left out.

        Parameters
        ----------
        name : str
            Column name as the file's header spells it.

        Returns
        -------
        tuple of ndarray
            Unix times of the present values [ms], and the values [column's own unit].

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        value = self.columns[name]
        present = value != BLANK
        return self.t_ms[present], value[present]


def write_table(
    path: Path, facts: Mapping[str, str], columns: Mapping[str, Sequence[int | None]]
) -> None:
    """Write a table; the same input gives the same bytes.

    Parameters
    ----------
    path : Path
        File to replace.
    facts : mapping of str to str
        Header facts, in order; single lines.
    columns : mapping of str to sequence of int or None
        Equally long columns; None is written blank.
    """
    lines = [f"# {key}: {value}" for key, value in facts.items()]
    lines.append(",".join(columns))
    lines += [
        ",".join("" if cell is None else str(cell) for cell in row)
        for row in zip(*columns.values(), strict=True)
    ]
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


def read_table(path: Path) -> Table:
    """Read a table written by `write_table`.

    Parameters
    ----------
    path : Path
        File to read.

    Returns
    -------
    Table
        Facts, times and columns.

    Raises
    ------
    ValueError
        If the file is no table of this format.
    """
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    head = [line[2:] for line in lines if line.startswith("# ")]
    facts = dict(line.split(": ", 1) for line in head)
    names = lines[len(head)].split(",")
    rows = [line.split(",") for line in lines[len(head) + 1 :]]
    if not rows or len(rows[0]) != len(names):
        raise ValueError(f"{path}: no rows under the columns {names}; run prepare again")
    cells = zip(*rows, strict=True)
    columns = {
        name: np.array([int(cell) if cell else BLANK for cell in column], dtype=np.int64)
        for name, column in zip(names, cells, strict=True)
    }
    if "start_ms" in facts:
        t_ms = int(facts["start_ms"]) + int(facts["step_ms"]) * np.arange(len(rows))
    else:
        t_ms = columns.pop("t_ms")
    return Table(facts, t_ms.astype(np.int64), columns)
