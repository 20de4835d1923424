"""Results of some meters after the other, as one result."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def join(parts: Sequence[T]) -> T:
    """Join results of one kind: arrays end to end, the rest must agree.

    Parameters
    ----------
    parts : sequence of dataclass
        At least one.

    Returns
    -------
    dataclass
        Of the same type.

    Raises
    ------
    ValueError
        If a field that is not an array differs.
    """
    joined: dict[str, Any] = {}
    for field in fields(parts[0]):  # type: ignore[arg-type]
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], np.ndarray):
            joined[field.name] = np.concatenate(values)
        elif len(set(values)) == 1:
            joined[field.name] = values[0]
        else:
            raise ValueError(f"parts differ in {field.name}: {sorted(set(values))}")
    return type(parts[0])(**joined)
