"""Emission factors as frozen records: value, range, unit, place, year, source, licence.

Never holds a bare float: who asks for a number gets the record it belongs to.

>>> load().get("gwp100.n2o.ar6").value  # doctest: +SKIP
273.0
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
        Where and when the value holds.
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
        Who keeps the row up to date.
    """

    id: str
    value: float
    low: float | None
    high: float | None
    distribution: str
    unit: str
    geography: str
    year: str
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
