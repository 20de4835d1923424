"""The records every estimator returns: intervals, disqualifications, estimates.

An interval is the 5 %, central and 95 % value; the central value is the deterministic
result with every factor at its value. Combining two intervals here assumes independent
errors; correlated sums are made on draws in `uncertainty`, never on intervals.

>>> Interval(1, 2, 4).minus(Interval(0.5, 1, 1.5)).central
1
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

EvidenceClass = Literal["M", "E", "P", "N"]
DataOrigin = Literal["measured", "modelled", "synthetic"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A quantity with its 90 % interval.

    Attributes
    ----------
    low, central, high : float
        Finite, `low <= central <= high`. [unit of the quantity]

    Raises
    ------
    ValueError
        If a bound is not finite or out of order.
    """

    low: float
    central: float
    high: float

    def __post_init__(self) -> None:
        """Refuse bounds that are not finite or not in order."""
        if not all(map(math.isfinite, (self.low, self.central, self.high))):
            raise ValueError(f"interval bounds must be finite: {self}")
        if not self.low <= self.central <= self.high:
            raise ValueError(f"low <= central <= high does not hold: {self}")

    @classmethod
    def exactly(cls, value: float) -> Self:
        """Return a value without uncertainty, for counts and zeros.

        Parameters
        ----------
        value : float
            The value. [unit of the quantity]

        Returns
        -------
        Interval
            Three times the value. [unit of the quantity]
        """
        return cls(value, value, value)

    @classmethod
    def around(cls, central: float, half_width: float) -> Self:
        """Return a symmetric interval.

        Parameters
        ----------
        central, half_width : float
            Centre and half-width >= 0 of the 90 % interval. [unit of the quantity]

        Returns
        -------
        Interval
            `central - half_width .. central + half_width`. [unit of the quantity]
        """
        return cls(central - half_width, central, central + half_width)

    def scaled(self, factor: float) -> "Interval":
        """Return the interval times a certain number; a negative one swaps the ends.

        Parameters
        ----------
        factor : float
            A number without uncertainty. [1]

        Returns
        -------
        Interval
            Scaled interval. [unit of the quantity]
        """
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(low, self.central * factor, high)

    def plus(self, other: "Interval") -> "Interval":
        """Return the sum of two independent quantities: half-widths add in quadrature.

        Parameters
        ----------
        other : Interval
            A quantity whose errors are independent of this one's. [unit of the quantity]

        Returns
        -------
        Interval
            The sum. [unit of the quantity]
        """
        central = self.central + other.central
        down = math.hypot(self.central - self.low, other.central - other.low)
        up = math.hypot(self.high - self.central, other.high - other.central)
        return Interval(central - down, central, central + up)

    def minus(self, other: "Interval") -> "Interval":
        """Return the difference of two independent quantities.

        Parameters
        ----------
        other : Interval
            A quantity whose errors are independent of this one's. [unit of the quantity]

        Returns
        -------
        Interval
            The difference. [unit of the quantity]
        """
        return self.plus(other.scaled(-1.0))

    @property
    def contains_zero(self) -> bool:
        """Whether the quantity cannot be told from zero at 90 %."""
        return self.low <= 0.0 <= self.high

    @property
    def half_width(self) -> float:
        """Half the distance from low to high.

        Returns
        -------
        float
            Half-width. [unit of the quantity]
        """
        return (self.high - self.low) / 2

    def to_dict(self) -> dict[str, float]:
        """Return `{low, central, high}`."""
        return {"low": self.low, "central": self.central, "high": self.high}


def total(intervals: Iterable[Interval]) -> Interval:
    """Sum quantities whose errors are independent.

    Parameters
    ----------
    intervals : iterable of Interval
        The terms. [unit of the quantity]

    Returns
    -------
    Interval
        The sum, zero for no term. [unit of the quantity]
    """
    result = Interval.exactly(0.0)
    for interval in intervals:
        result = result.plus(interval)
    return result


@dataclass(frozen=True, slots=True)
class Disqualification:
    """Why a figure is weaker than it looks, kept as a record and shown beside it.

    Attributes
    ----------
    code : str
        Stable snake_case code; listed in docs/reference/estimators.md.
    text : str
        One English sentence for the reader.
    data : mapping
        The numbers behind the sentence.
    """

    code: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return {"code": self.code, "text": self.text, "data": dict(self.data)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """One defended figure: NET = GROSS - REBOUND - FIRST_ORDER.

    Attributes
    ----------
    use_case : str
        Design id, such as `smart_meter`.
    evidence_class : {'M', 'E', 'P', 'N'}
        Measured, estimated, prior (never totalled) or not quantified.
    label : str
        What must be printed next to the figure, such as "pre/post, no control".
    gross_kgco2e, rebound_kgco2e, net_kgco2e : Interval or None
        Second-order effect, rebound and net, under the average grid. None where no CO2e may
        be claimed. [kgCO2e]
    footprint_kgco2e : Interval
        First-order effect of our devices over the same period, truncation 1. [kgCO2e]
    net_marginal_kgco2e : Interval or None
        Net under the marginal grid. None where no electricity is involved. [kgCO2e]
    coverage_ratio : float
        Share of the expected data present, 0 to 1. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the activity data come from.
    disqualifications : tuple of Disqualification
        Every reason to doubt the figure.
    factor_ids : tuple of str
        Factors used, sorted.
    details : mapping
        Quantities behind the figure, by name: Interval, number, string or list.
    equation, arithmetic : str
        The formula of gross - rebound with names, and with its numbers: plain arithmetic that
        gives the central value. Empty where no CO2e may be claimed. [kgCO2e]
    """

    use_case: str
    evidence_class: EvidenceClass
    label: str
    gross_kgco2e: Interval | None
    rebound_kgco2e: Interval | None
    footprint_kgco2e: Interval
    net_kgco2e: Interval | None
    net_marginal_kgco2e: Interval | None
    coverage_ratio: float
    data_origin: DataOrigin
    disqualifications: tuple[Disqualification, ...]
    factor_ids: tuple[str, ...]
    details: Mapping[str, Any]
    equation: str = ""
    arithmetic: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as plain data, ready for JSON."""
        return {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}


def plain(value: Any) -> Any:
    """Turn the records of this package into dicts, lists, numbers and strings.

    Parameters
    ----------
    value : Any
        A record, a container of records or a plain value.

    Returns
    -------
    Any
        JSON-ready data; a number that is not finite becomes None.
    """
    if isinstance(value, Interval | Disqualification | Estimate):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
