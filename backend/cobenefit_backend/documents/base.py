"""What every document shares: strictness, ranges, intervals, arrays with gaps."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.quantity import Disqualification, Interval

NonNegative = Annotated[float, Meta(ge=0, le=1e12)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]
Share = Annotated[float, Meta(ge=0, le=1)]
Years = Annotated[float, Meta(ge=0.1, le=100)]
Count = Annotated[int, Meta(ge=1)]
Number = Annotated[int, Meta(ge=0)]
Level = Annotated[int, Meta(ge=0, le=3)]
Series = Annotated[list[float | None], Meta(min_length=1)]
Origin = Literal["measured", "modelled", "synthetic"]
Answer = dict[str, Any]
NO_FOOTPRINT = Disqualification(
    "footprint_not_counted", "The footprint of the devices is not subtracted here."
)


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checked input document; an unknown key is refused."""


class IntervalDocument(Document, frozen=True):
    """A quantity with its 90 % interval."""

    low: float
    central: float
    high: float


def interval(document: IntervalDocument, where: str) -> Interval:
    """Return the interval of a document; InputError names the place when it is out of order."""
    try:
        return Interval(document.low, document.central, document.high)
    except ValueError as error:
        raise InputError(str(error), where=where) from error


def array(values: list[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a series as an array, NaN where a value is missing."""
    return np.array([np.nan if value is None else value for value in values])


def optional_array(
    values: list[float | None] | None,
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return a series as an array, or None without one."""
    return None if values is None else array(values)
