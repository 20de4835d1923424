"""Numbers, masses and dates for a reader, by Babel; the only place where figures are rounded."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

TONNE_KG = 1000.0
TONNES_FROM_KG = 10_000.0
MINUS = "\u2212"


def significant(value: float, digits: int = 2) -> float:
    """Round to significant digits.

    Parameters
    ----------
    value : float
        Any number. [any]
    digits : int, optional
        How many, >= 1. [1]

    Returns
    -------
    float
        Rounded. [any]
    """
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


@dataclass(frozen=True, slots=True)
class Formatter:
    """Writes figures the way a language does.

    Parameters
    ----------
    language : {'en', 'fr'}
        The language.
    """

    language: str

    @property
    def _locale(self) -> str:
        return {"en": "en_GB", "fr": "fr_FR"}[self.language]

    def number(self, value: float) -> str:
        """Return a number with two significant digits.

        Parameters
        ----------
        value : float
            A number. [any]

        Returns
        -------
        str
            Its text.
        """
        return self.exact(significant(value))

    def precise(self, value: float) -> str:
        """Return a number with four significant digits, so that an equation can be checked.

        Parameters
        ----------
        value : float
            A number. [any]

        Returns
        -------
        str
            Its text.
        """
        return self.exact(significant(value, 4))

    def exact(self, value: float) -> str:
        """Return a number as it stands, for counts and factors.

        Parameters
        ----------
        value : float
            A number. [any]

        Returns
        -------
        str
            Its text.
        """
        written = format_decimal(value, format="#,##0.########", locale=self._locale)
        return MINUS + written[1:] if written.startswith("-") else written

    def percent(self, ratio: float) -> str:
        """Return a ratio as a percentage, rounded down so that 100 % means all.

        Parameters
        ----------
        ratio : float
            0 to 1. [1]

        Returns
        -------
        str
            Its text.
        """
        return format_percent(math.floor(ratio * 100 + 1e-9) / 100, locale=self._locale)

    def signed_percent(self, ratio: float) -> str:
        """Return a ratio as a percentage with two digits.

        Parameters
        ----------
        ratio : float
            A ratio. [1]

        Returns
        -------
        str
            Its text.
        """
        space = "\u202f" if self.language == "fr" else ""
        return f"{self.number(ratio * 100)}{space}%"

    def mass(self, kgco2e: float, unit: str | None = None) -> str:
        """Return a mass of CO2e with its unit.

        Parameters
        ----------
        kgco2e : float
            Mass. [kgCO2e]
        unit : {'kgCO2e', 'tCO2e'} or None
            Unit; None chooses by size.

        Returns
        -------
        str
            Number and unit.
        """
        chosen = unit or mass_unit(kgco2e)
        scaled = kgco2e / TONNE_KG if chosen == "tCO2e" else kgco2e
        return f"{self.number(scaled)}\u00a0{chosen}"

    def bare_mass(self, kgco2e: float, unit: str) -> str:
        """Return a mass without its unit.

        Parameters
        ----------
        kgco2e : float
            Mass. [kgCO2e]
        unit : {'kgCO2e', 'tCO2e'}
            Unit it is read in.

        Returns
        -------
        str
            The number.
        """
        return self.number(kgco2e / TONNE_KG if unit == "tCO2e" else kgco2e)

    def share(self, kgco2e: float, whole_kgco2e: float, unit: str) -> str:
        """Return a mass beside a far larger one: below a thousandth of it, "about 0".

        Parameters
        ----------
        kgco2e, whole_kgco2e : float
            The mass, and the largest beside it. [kgCO2e]
        unit : {'kgCO2e', 'tCO2e'}
            Unit it is read in.

        Returns
        -------
        str
            The number.
        """
        if 0 < abs(kgco2e) < abs(whole_kgco2e) / 1000:
            return "≈\u00a00"
        return self.bare_mass(kgco2e, unit)

    def day(self, iso: str) -> str:
        """Return an ISO date in words: 12 mars 2027."""
        written = format_date(date.fromisoformat(iso), "d MMMM y", locale=self._locale)
        return written.replace("1 ", "1er ", 1) if self._is_french_first(written) else written

    def last_day(self, iso_end: str) -> str:
        """Return the last day of a period from its exclusive end."""
        return self.day((date.fromisoformat(iso_end) - timedelta(days=1)).isoformat())

    def month(self, iso: str) -> str:
        """Return month and year of an ISO date, short."""
        return format_date(date.fromisoformat(iso), "MMM y", locale=self._locale)

    def _is_french_first(self, written: str) -> bool:
        return self.language == "fr" and written.startswith("1 ")


def mass_unit(*kgco2e: float) -> str:
    """Return the unit in which masses that stand together are read.

    Parameters
    ----------
    *kgco2e : float
        Masses. [kgCO2e]

    Returns
    -------
    str
        `tCO2e` when the largest reaches ten tonnes.
    """
    return "tCO2e" if max(map(abs, kgco2e), default=0.0) >= TONNES_FROM_KG else "kgCO2e"
