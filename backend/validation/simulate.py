"""Homes whose truth is written: the fleet on which the estimates are judged.

Needs numpy alone, so that the oracle's own environment can import it too.
"""

from typing import Any

import numpy as np

FIRST_DAY = "2022-01-01"
DAYS = 730


def weather(rng: Any) -> Any:
    """Return two years of daily mean temperatures [degC]."""
    day = np.arange(DAYS)
    noise = [rng.normal(0, 3)]
    for step in rng.normal(0, 2, DAYS - 1).tolist():
        noise.append(0.7 * noise[-1] + step)
    return 11.5 - 8.5 * np.cos(2 * np.pi * (day - 20) / 365.25) + np.array(noise)


def home(seed: int, saving: float, autocorrelation: float = 0.3) -> tuple[Any, Any]:
    """Return a home's daily use and temperatures, the saving beginning with the second year.

    Parameters
    ----------
    seed : int
        Number of the home. [1]
    saving : float
        Share of its use saved in the second year. [1]
    autocorrelation : float
        Of its daily noise. [1]

    Returns
    -------
    tuple of ndarray
        Use [kWh] and temperature [degC], 730 days.
    """
    rng = np.random.default_rng([20250101, seed])
    degc = weather(rng)
    base = rng.uniform(4, 14)
    heating = rng.choice([0.0, 1.0], p=[0.3, 0.7]) * rng.uniform(0.3, 2.5)
    cooling = rng.choice([0.0, 1.0], p=[0.7, 0.3]) * rng.uniform(0.3, 1.5)
    mean = base + heating * np.maximum(16 - degc, 0) + cooling * np.maximum(degc - 21, 0)
    noise = [rng.normal()]
    for step in (np.sqrt(1 - autocorrelation**2) * rng.normal(size=DAYS - 1)).tolist():
        noise.append(autocorrelation * noise[-1] + step)
    use = mean * (1 + 0.2 * np.array(noise))
    use[DAYS // 2 :] *= 1 - saving
    return np.maximum(use, 0.05), degc


def fleet(homes: int, saving: Any, first: int = 0) -> tuple[Any, Any]:
    """Return many homes.

    Parameters
    ----------
    homes : int
        How many. [1]
    saving : array_like
        Saving of each, or of all. [1]
    first : int
        Number of the first. [1]

    Returns
    -------
    tuple of ndarray
        Use [kWh] and temperature [degC], each of shape (homes, 730).
    """
    each = np.broadcast_to(saving, homes)
    made = [home(first + i, float(each[i])) for i in range(homes)]
    return np.array([use for use, _ in made]), np.array([degc for _, degc in made])


def noise(rng: Any, shape: tuple[int, int], autocorrelation: float) -> Any:
    """Return rows of autocorrelated noise of unit variance.

    Parameters
    ----------
    rng : Generator
        Where it comes from.
    shape : tuple of int
        Rows and steps. [1]
    autocorrelation : float
        Of neighbouring steps. [1]

    Returns
    -------
    ndarray
        The noise. [1]
    """
    steps = rng.normal(size=shape[::-1])
    steps[1:] *= np.sqrt(1 - autocorrelation**2)
    for i in range(1, len(steps)):
        steps[i] += autocorrelation * steps[i - 1]
    return steps.T


def hourly_homes(homes: int, saving: Any, first: int = 0) -> tuple[Any, Any]:
    """Return homes by the hour that share the weather of one town.

    Parameters
    ----------
    homes : int
        How many. [1]
    saving : array_like
        Share saved in the second year, of each or of all. [1]
    first : int
        Number of the set. [1]

    Returns
    -------
    tuple of ndarray
        Use [kWh], shape (homes, 17520), with noise of 20 % by day (autocorrelation 0.3) and 50 %
        by hour (0.6), and temperature [degC], shape (17520,).
    """
    rng = np.random.default_rng([20250104, first])
    hour = np.arange(24 * DAYS)
    degc = np.repeat(weather(rng), 24) + 4 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi)
    weekend = (hour // 24 + 5) % 7 >= 5  # FIRST_DAY is a Saturday
    shape = 1 + 0.5 * np.sin((hour % 24 - 13) / 24 * 2 * np.pi) + 0.2 * weekend
    level, slope = rng.uniform(0.2, 0.6, (homes, 1)), rng.uniform(0.01, 0.1, (homes, 1))
    by_day = np.repeat(noise(rng, (homes, DAYS), 0.3), 24, axis=1)
    by_hour = noise(rng, (homes, len(hour)), 0.6)
    use = level * shape + slope * np.maximum(16 - degc, 0)
    use = use * np.exp(0.2 * by_day + 0.5 * by_hour - 0.145)
    use[:, len(hour) // 2 :] *= 1 - np.broadcast_to(saving, homes)[:, None]
    return use, degc


def schools(count: int, saving: Any, first: int = 0) -> tuple[Any, Any]:
    """Return daily use that differs between weekdays and weekends and stops in summer.

    Parameters
    ----------
    count : int
        How many. [1]
    saving : array_like
        Share saved in the second year, of each or of all. [1]
    first : int
        Number of the first. [1]

    Returns
    -------
    tuple of ndarray
        Use [kWh] and temperature [degC], each of shape (count, 730).
    """
    use, degc = fleet(count, saving, first)
    day = np.datetime64(FIRST_DAY) + np.arange(DAYS)
    weekend = (day.astype(int) + 3) % 7 >= 5
    month = day.astype("datetime64[M]").astype(int) % 12 + 1
    return use * np.where(weekend, 0.4, 1.0) * np.where(np.isin(month, (7, 8)), 0.5, 1.0), degc


def bill_starts(seed: int, months: int) -> Any:
    """Return the day each bill of two years begins, and the day after the last one.

    Parameters
    ----------
    seed : int
        Number of the home. [1]
    months : int
        Months in a bill, 1 or 2. [month]

    Returns
    -------
    ndarray of int
        Days since FIRST_DAY; readings come 28 to 33 days apart, or twice that. [d]
    """
    lengths = months * np.random.default_rng([20250102, seed]).integers(28, 34, 24 // months)
    ends = np.concatenate(([0], np.cumsum(lengths)))
    return ends[ends <= DAYS]


def hourly_home(seed: int) -> tuple[Any, Any]:
    """Return a small office's hourly use and temperatures over two years.

    Parameters
    ----------
    seed : int
        Number of the office. [1]

    Returns
    -------
    tuple of ndarray
        Use [kWh], NaN for some missing hours, and temperature [degC], 17 520 hours.
    """
    rng = np.random.default_rng([20250103, seed])
    hour = np.arange(24 * DAYS)
    degc = np.repeat(1.6 * weather(rng) - 4, 24) + 4 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi)
    # FIRST_DAY is a Saturday
    at_work = ((hour // 24 + 5) % 7 < 5) & (hour % 24 >= 8) & (hour % 24 < 18)
    heating = rng.uniform(0.05, 0.2) * np.maximum(16 - degc, 0) * np.where(at_work, 1, 0.5)
    cooling = rng.uniform(0.05, 0.2) * np.maximum(degc - 21, 0) * at_work
    use = 0.6 + 1.5 * at_work + heating + cooling + rng.normal(0, 0.2, len(hour))
    use[rng.random(len(hour)) < 0.02] = np.nan
    return use, degc
