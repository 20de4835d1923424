"""Text of many parts looked into at many places at once, and its decimal numbers to floats.

Sixteen characters of a place are two words, and arithmetic on words does eight characters at a
time. Exact: up to fifteen digits are a whole number below 2^53, and a division by a power of ten
up to 10^22 rounds once, so each float is the one nearest to the text, as any parser gives. Numbers
with more digits or an exponent are left to such a parser. Pure: arrays in, arrays out.

    >>> text = Text([b"a=12.5,a=-7,a=1e3,"])
    >>> low, high, good = text.after(b"a=", text.first + np.array([2, 9, 14]))
    >>> value, fits = numbers(low, high, until(b",", low, high))
    >>> good.tolist(), value[fits].tolist(), fits.tolist()
    ([True, True, True], [12.5, -7.0], [True, True, False])
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
WordArray = NDArray[np.uint64]

#: What may be looked for in front of a place is no longer. [B]
LONGEST = 128
_PAD = 4 * LONGEST
_WHOLE_DIGITS, _DIGITS = 14, 15
_TENS = 10 ** np.arange(16, dtype=np.uint64)
_FLOAT_TENS = _TENS.astype(np.float64)
#: A number has at most so many characters. [1]
_SEEN = 16
_EACH_0, _EACH_POINT = np.uint64(0x3030303030303030), np.uint64(0x2E2E2E2E2E2E2E2E)
_EACH_1, _EACH_TOP = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
#: Takes a byte above 9 over its top bit.
_ABOVE_9 = np.uint64(0x7676767676767676)
_PAIRS = np.uint64(0x000000FF000000FF)
_HIGH_PAIRS, _LOW_PAIRS = np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)
_LOWEST = np.uint64(0xFF)
#: A point as digits are seen.
_POINT = np.uint64(ord(".") ^ ord("0"))


class Text:
    """Text to look into anywhere; its first character is at `first`.

    Parameters
    ----------
    parts : sequence of bytes
        Any, one after the other.
    """

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.first = _PAD
        around = bytes(_PAD)
        self._bytes = np.frombuffer(b"".join((around, *parts, around)), np.uint8)

    def places(self, character: bytes) -> IntArray:
        """Return where a character stands.

        Parameters
        ----------
        character : bytes
            One, not zero.

        Returns
        -------
        ndarray
            Places, in order. [1]
        """
        return np.flatnonzero(self._bytes == character[0])

    def after(self, constant: bytes, at: IntArray) -> tuple[WordArray, WordArray, BoolArray]:
        """Return the sixteen characters from each place on, and whether a constant is before it.

        Parameters
        ----------
        constant : bytes
            One character at least, `LONGEST` at most.
        at : ndarray, shape (n,)
            Where, at most twice `LONGEST` outside the text. [1]

        Returns
        -------
        tuple of ndarray
            Eight characters, the first in the lowest byte; eight more; whether the constant
            stands there. [1, 1, 1]
        """
        words = -(-len(constant) // 8)
        size = 8 * words + _SEEN
        # Whatever is at a place as one item: one copy each, with no regard to where words begin.
        shape = (self._bytes.size - size + 1,)
        items = np.ndarray(shape, f"V{size}", self._bytes.data, strides=(1,))
        column = items[at - 8 * words].view("<u8").reshape(-1, words + 2).T
        wanted = np.frombuffer(constant.rjust(8 * words, b"\0"), "<u8")
        differs = (column[0] ^ wanted[0]) >> np.uint64(8 * (8 * words - len(constant)))
        for k in range(1, words):
            differs |= column[k] ^ wanted[k]
        return column[words].copy(), column[words + 1], differs == 0


def until(character: bytes, low: WordArray, high: WordArray) -> IntArray:
    """Return how many characters stand before a character.

    Parameters
    ----------
    character : bytes
        Which one.
    low, high : ndarray, shape (n,)
        Eight characters and the next eight. [1]

    Returns
    -------
    ndarray, shape (n,)
        17 where it is not among them. [1]
    """
    each = np.uint64(int.from_bytes(character * 8, "little"))
    size = _characters(_below(low, each))
    longer = size == 8
    if longer.any():
        more = _characters(_below(high, each))
        size = np.where(longer, size + more + (more == 8), size)
    return size


def numbers(low: WordArray, high: WordArray, size: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return the numbers that texts begin with, and which of them are such numbers.

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Eight characters and the next eight. [1]
    size : ndarray, shape (n,)
        How many of them are the number; any. [1]

    Returns
    -------
    tuple of ndarray
        The floats nearest to what is written, anything where it is no JSON number of at most
        sixteen characters with fifteen digits and no exponent; whether it is one. [unit of the
        text, 1]
    """
    minus = (low & _LOWEST) == ord("-")
    if minus.any():
        size = np.where((size >= 0) & (size <= _SEEN), size, 0) - minus
        low = np.where(minus, low >> np.uint64(8) | high << np.uint64(56), low)
        high = np.where(minus, high >> np.uint64(8), high)
    value, fits = _long(low, high, size) if (size > 8).any() else _short(low, size)
    return (np.where(minus, -value, value) if minus.any() else value), fits


def _long(low: WordArray, high: WordArray, size: IntArray) -> tuple[FloatArray, BoolArray]:
    whole, digits, good = _whole(low, high, size)
    after = np.maximum(size - whole - 1, 0)
    fits = good & _well_formed(low, whole, size) & (after <= 8) & (size <= _SEEN)
    fits &= (whole <= _WHOLE_DIGITS) & (whole + after <= _DIGITS)
    if after.any():
        fraction, good = _eight_digits(_shifted(low, high, whole + 1), after)
        fits &= good
        after = np.where(fits, after, 0)
        digits = digits * _TENS[after] + fraction
    return digits / _FLOAT_TENS[after], fits


def _whole(
    low: WordArray, high: WordArray, size: IntArray
) -> tuple[IntArray, WordArray, BoolArray]:
    # How many digits stand before the point or the end, what they say, and whether they are.
    whole = np.minimum(_point(low), size)
    digits, good = _eight_digits(low, whole)
    longer = (whole == 8) & (size > 8)
    if longer.any():
        more = np.where(longer, np.minimum(_point(high), size - 8), 0)
        rest, fits = _eight_digits(high, more)
        digits = digits * _TENS[more] + rest
        whole, good = whole + more, good & fits
    return whole, digits, good


def _shifted(low: WordArray, high: WordArray, by: IntArray) -> WordArray:
    # The characters from some place on; shifts of a whole word and more leave nothing.
    bits = (8 * by).view(np.uint64)
    back = (64 - 8 * by).view(np.uint64)
    beyond = (8 * by - 64).view(np.uint64)
    words: WordArray = low >> bits | high << back | high >> beyond
    return words


def _short(word: WordArray, size: IntArray) -> tuple[FloatArray, BoolArray]:
    # Numbers of at most eight characters: without the point their digits are one word.
    digit = _last(word, size)
    point = (((digit + _ABOVE_9) | digit) & _EACH_TOP) >> np.uint64(7)
    zero = (word & _LOWEST) == ord("0")
    if not point.any():
        return _value(digit).astype(np.float64), (size > 0) & ~(zero & (size > 1))
    behind = np.negative(point << np.uint64(8))
    after = np.bitwise_count(behind) >> np.uint8(3)
    pointed = point != 0
    whole = size - after - pointed
    fits = (whole > 0) & ((after > 0) == pointed) & ~(zero & (whole > 1))
    # What is above 9 is one character, a point.
    fits &= (digit & point * _LOWEST) == point * _POINT
    before = point - np.uint64(1)
    fits &= (point & before) == 0
    before &= digit
    before <<= np.uint64(8)
    before |= digit & behind
    return _value(np.where(pointed, before, digit)) / _FLOAT_TENS[after], fits


def _well_formed(word: WordArray, whole: IntArray, size: IntArray) -> BoolArray:
    # Digits before a point, digits after it, and no zero before others.
    zeros = ((word & _LOWEST) == ord("0")) & (whole > 1)
    fits: BoolArray = (whole > 0) & (size != whole + 1) & ~zeros
    return fits


def _below(word: WordArray, each: np.uint64) -> WordArray:
    # The bits below the top one of the first such character; all when there is none.
    other = word ^ each
    zero = (other - _EACH_1) & ~other & _EACH_TOP
    return (zero & (~zero + np.uint64(1))) - np.uint64(1)


def _characters(below: WordArray) -> IntArray:
    return (np.bitwise_count(below) >> 3).astype(np.int64)


def _point(word: WordArray) -> IntArray:
    # How many characters stand before the first point; 8 when there is none.
    return _characters(_below(word, _EACH_POINT))


def _eight_digits(word: WordArray, size: IntArray) -> tuple[WordArray, BoolArray]:
    # What the first `size` characters say, and whether all of them are digits: each digit beside
    # its neighbour, then pairs, then fours (Langdale and Lemire, Parsing gigabytes of JSON per
    # second, section 3.1.4, 2019).
    digit = _last(word, np.minimum(size, 8))
    good = ((digit + _ABOVE_9) | digit) & _EACH_TOP == 0
    return _value(digit), good


def _last(word: WordArray, size: IntArray) -> WordArray:
    # The digits that so many characters stand for, moved to the end; zeros are before them.
    digit: WordArray = word ^ _EACH_0
    digit <<= (64 - 8 * size).view(np.uint64)
    return digit


def _value(digit: WordArray) -> WordArray:
    # What eight digits say; they are changed.
    pair = digit >> np.uint64(8)
    digit *= np.uint64(10)
    pair += digit
    high = (pair & _PAIRS) * _HIGH_PAIRS
    pair >>= np.uint64(16)
    pair &= _PAIRS
    pair *= _LOW_PAIRS
    pair += high
    pair >>= np.uint64(32)
    return pair
