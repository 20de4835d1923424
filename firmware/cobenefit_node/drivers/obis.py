"""Values in the text of a meter: lines such as ``1-0:1.8.1(004179.186*kWh)``.

Source: IEC 62056-21, "Direct local data exchange", 2002, section 6.4 (data lines), and
IEC 62056-61, "Object identification system (OBIS)", 2002.
"""

from cobenefit_wire import quality

MISSING = -1  # not a quality: no such line
_CURRENT = (b"(", b"*255(", b"*00(")  # `*01` to `*99` are snapshots of past billing periods


def _open(text: bytes, code: bytes) -> int:
    """Return where the value of a code starts, or -1."""
    for suffix in _CURRENT:
        key = code + suffix
        at = text.find(key)
        while at >= 0:
            if at == 0 or text[at - 1] in b"\n:\x02":  # "31.8.0(" is not "1.8.0("
                return at + len(key)
            at = text.find(key, at + 1)
    return -1


def milli(text: bytes, code: bytes, unit: bytes) -> tuple[int, int]:
    """Return a number in thousandths of a unit, the kWh as Wh and the kW as W.

    Parameters
    ----------
    text : bytes
        Lines of a meter, bit 7 cleared.
    code : bytes
        OBIS code without medium and channel, as in `b"1.8.0"`.
    unit : bytes
        `b"kWh"` or `b"kW"`; without its first letter the number counts thousandths. A line may
        leave the unit out.

    Returns
    -------
    tuple of int
        Value [1/1000 of the unit], cut after three decimals, and quality: GOOD, PROTOCOL where
        the line holds something else, or MISSING. [1]
    """
    first = _open(text, code)
    if first < 0:
        return 0, MISSING
    number, _, shown = text[first : text.find(b")", first)].partition(b"*")
    whole, _, decimals = number.partition(b".")
    if not (whole + decimals).isdigit() or not whole or shown not in (b"", unit, unit[1:]):
        return 0, quality.PROTOCOL
    if shown == unit[1:]:
        return int(whole), quality.GOOD
    return int(whole + (decimals + b"000")[:3]), quality.GOOD
