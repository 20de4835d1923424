"""French legal time as meters write it: a season letter and `YYMMDDhhmmss`.

`E` is summer (UTC+2), `H` winter (UTC+1); a lower-case letter says that the meter's own clock is
degraded. Source: Enedis, Enedis-NOI-CPT_54E, section 6.2.1 (horodate), 2018. Metropolitan France;
a meter elsewhere needs another offset.

    >>> unix_ms(b"H240107121638")
    1704626198000
"""

from cobenefit_wire.hints import const

_OFFSET_H = {69: 2, 72: 1}  # E, H
_DAY_S = const(86_400)


def unix_ms(text: bytes) -> int:
    """Return the time, or 0 when it is none or the meter doubts it [Unix ms]."""
    if len(text) != 13 or text[0] not in _OFFSET_H or not text[1:].isdigit():
        return 0
    year, month, day, hour, minute, second = [int(text[i : i + 2]) for i in range(1, 13, 2)]
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return 0
    seconds = _days(2000 + year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second
    return (seconds - _OFFSET_H[text[0]] * 3600) * 1000


def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 in the Gregorian calendar, March being its first month."""
    if month < 3:
        year, month = year - 1, month + 12
    return (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + (153 * month - 457) // 5
        + day
        - 719_469
    )
