"""A driver's channel: its name, its resolution, and its plausible limits as integers."""

from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import const

_LARGEST = const(0x7FFFFFFFFFFFFFFF)


class Channel:
    """What one quantity of one sensor is called and how far it is believed.

    Parameters
    ----------
    quantity : str
        A key of `units.QUANTITIES`.
    number : int
        1 for the first sensor of a kind on the device; from 2 on it becomes the suffix. [1]
    """

    def __init__(self, quantity: str, number: int = 1) -> None:
        from cobenefit_wire.units import QUANTITIES  # `main.py` forgets it

        if quantity not in QUANTITIES:
            raise ValueError("unknown quantity %r: use one of cobenefit_wire.units" % quantity)
        known = QUANTITIES[quantity]
        self.name = quantity if number == 1 else "%s_%d" % (quantity, number)
        self.exponent = known.exponent
        self.low = _scaled(known.low, known.exponent)
        self.high = _scaled(known.high, known.exponent)

    def good(self, value: int) -> Value:
        """Return a value that was received whole; it is flagged when it is not plausible.

        Parameters
        ----------
        value : int
            In units of 10^exponent of the quantity's unit. [1]

        Returns
        -------
        Value
            GOOD, or RANGE outside the limits.
        """
        if self.low <= value <= self.high:
            return Value(self.name, value, self.exponent, quality.GOOD)
        value = max(-_LARGEST, min(_LARGEST, value))  # a pack holds 64 bits
        return Value(self.name, value, self.exponent, quality.RANGE)

    def bad(self, reason: int) -> Value:
        """Return the value 0 with a reason.

        Parameters
        ----------
        reason : int
            A code of `cobenefit_wire.quality`, not GOOD. [1]

        Returns
        -------
        Value
            Flagged.
        """
        return Value(self.name, 0, self.exponent, reason)


def _scaled(limit: float, exponent: int) -> int:
    scaled = limit * 10**-exponent  # exponents of quantities are never positive
    return scaled if isinstance(scaled, int) else int(scaled + 0.5)
