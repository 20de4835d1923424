"""Emission factors as frozen records: value, range, unit, place, year, source, licence.

Never holds a bare float: who asks for a number gets the record it belongs to.

>>> load().get("gwp100.n2o.ar6").value  # doctest: +SKIP
273.0
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from cobenefit_backend.errors import FactorError

DEFAULT_RELATIVE_RANGE: Mapping[str, float] = {
    "seen": 0.10,
    "derived": 0.20,
    "secondary": 0.30,
    "provisional": 0.30,
    "recalled": 0.50,
}
"""Relative range given to a factor published without one, by how well it was read.

Read as a 95 % interval [value / (1 + r), value x (1 + r)]. Our own convention: a single
published value is not a certain one."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One emission factor or model coefficient.

    Attributes
    ----------
    id : str
        Stable dotted name.
    value : float
        Central value. [unit]
    low, high : float or None
        Published range, None when the source gives none. [unit]
    distribution : str
        How the range is read: see `cobenefit_backend.estimate.uncertainty`.
    unit : str
        Unit of the three numbers.
    geography, year : str
        Where and when the value was found.
    valid_from, valid_to : date or None
        First and last day it may be used for; None where the source sets no end.
    source_id : str
        Key in sources.toml.
    reference : str
        Table, page or file in that source.
    licence : str
        Licence of the figure.
    status : str
        How it was read: seen, derived, secondary, provisional or recalled.
    note : str
        Caveat for the reader.
    owner : str
        `methods` (part of a method, never replaced), `provider` (a default that local data may
        replace) or `local` (brought by the operator).
    """

    id: str
    value: float
    low: float | None
    high: float | None
    distribution: str
    unit: str
    geography: str
    year: str
    valid_from: date | None
    valid_to: date | None
    source_id: str
    reference: str
    licence: str
    status: str
    note: str
    owner: str

    @property
    def bounds(self) -> tuple[float, float]:
        """Range used for uncertainty: the published one, else the default for the status.

        Returns
        -------
        tuple of float
            Low and high. [unit]
        """
        if self.low is not None and self.high is not None:
            return self.low, self.high
        if self.distribution == "exact":
            return self.value, self.value
        ratio = 1 + DEFAULT_RELATIVE_RANGE[self.status]
        low, high = sorted((self.value / ratio, self.value * ratio))
        return low, high

    def is_valid(self, start: date, end: date) -> bool:
        """Tell whether the factor holds for a whole period.

        Parameters
        ----------
        start, end : date
            First day of the period, and the day after its last.

        Returns
        -------
        bool
            True where no day lies outside the factor's validity.
        """
        early = self.valid_from is not None and start < self.valid_from
        late = self.valid_to is not None and end > self.valid_to + timedelta(days=1)
        return not (early or late)


@dataclass(frozen=True, slots=True)
class Source:
    """Where factors were read.

    Attributes
    ----------
    id : str
        Key used by the factor rows.
    title, publisher, url : str
        What it is, who published it, where it stands.
    read : str
        When it was read, as YYYY-MM or YYYY-MM-DD.
    """

    id: str
    title: str
    publisher: str
    url: str
    read: str


class FactorSet(Mapping[str, Factor]):
    """An immutable set of factors under one version.

    Parameters
    ----------
    factors : mapping
        Factors by id.
    sources : mapping
        Sources by id.
    version : str
        Version of the set, from sources.toml.
    sha256 : str
        Digest of the files it was read from.
    """

    def __init__(
        self,
        factors: Mapping[str, Factor],
        sources: Mapping[str, Source],
        version: str,
        sha256: str,
    ) -> None:
        self._factors = dict(factors)
        self.sources = dict(sources)
        self.version = version
        self.sha256 = sha256

    def __getitem__(self, key: str) -> Factor:
        """Return the factor, or raise FactorError naming the nearest ids."""
        try:
            return self._factors[key]
        except KeyError:
            family = key.rsplit(".", 1)[0]
            near = sorted(k for k in self._factors if k.startswith(family))[:5]
            hint = f"did you mean {', '.join(near)}?" if near else "see `cobenefit factors list`"
            raise FactorError(
                f"no such factor in version {self.version}; {hint}", key=key
            ) from None

    def __contains__(self, key: object) -> bool:
        """Tell whether the set holds the id."""
        return key in self._factors

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids in file order."""
        return iter(self._factors)

    def __len__(self) -> int:
        """Count the factors."""
        return len(self._factors)

    def replaced(self, local: "FactorSet") -> "FactorSet":
        """Return this set with local rows added and provider rows replaced.

        Parameters
        ----------
        local : FactorSet
            Rows owned by `local`.

        Returns
        -------
        FactorSet
            The combined set; its version and digest name both.

        Raises
        ------
        FactorError
            Where a local row would replace a factor of a method.
        """
        for key in local:
            if key in self._factors and self._factors[key].owner == "methods":
                raise FactorError("part of a method: it cannot be replaced", key=key)
        digest = hashlib.sha256((self.sha256 + local.sha256).encode())
        return FactorSet(
            {**self._factors, **dict(local.items())},
            {**self.sources, **local.sources},
            f"{self.version}+{local.version}",
            digest.hexdigest(),
        )
