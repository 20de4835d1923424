"""Decimal numbers in text to floats, many at once, eight characters at a time.

Exact: up to fifteen digits are a whole number below 2^53, and a division by a power of ten up to
10^22 rounds once, so each float is the one nearest to the text, as any parser gives. Numbers with
more digits or an exponent are left to such a parser. Pure: arrays in, arrays out.

    >>> text = Text([b"12.5,-7,1e3"])
    >>> start = text.first + np.array([0, 5, 8])
    >>> value, fits = text.numbers(start, start + np.array([4, 2, 3]))
    >>> value[fits].tolist(), fits.tolist()
    ([12.5, -7.0], [True, True, False])
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
WordArray = NDArray[np.uint64]

_PAD = 8
_WHOLE_DIGITS, _DIGITS = 14, 15
_TENS = 10 ** np.arange(16, dtype=np.uint64)
_FLOAT_TENS = _TENS.astype(np.float64)
#: What numbers are written with; the slash is in between.
NUMBER = b"-./0123456789"
_EACH_0, _EACH_POINT = np.uint64(0x3030303030303030), np.uint64(0x2E2E2E2E2E2E2E2E)
_EACH_1, _EACH_TOP = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
#: Takes a byte above 9 over its top bit.
_ABOVE_9 = np.uint64(0x7676767676767676)
_PAIRS = np.uint64(0x000000FF000000FF)
_HIGH_PAIRS, _LOW_PAIRS = np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)
_LOWEST = np.uint64(0xFF)


class Text:
    """Text to look into anywhere; its first character is at `first`.

    Parameters
    ----------
    parts : sequence of bytes
        Any, one after the other.
    """

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.first = _PAD
        size = sum(map(len, parts))
        padded = b"".join((bytes(_PAD), *parts, bytes(2 * _PAD + -size % _PAD)))
        self._padded, self._end = padded, _PAD + size
        self._words: WordArray = np.frombuffer(padded, "<u8")
        self._bytes = np.frombuffer(padded, np.uint8)
        self._last = len(padded) - 2 * _PAD

    def without(self, characters: bytes) -> bytes:
        """Return the text without some characters.

        Parameters
        ----------
        characters : bytes
            Those that are left out.

        Returns
        -------
        bytes
            The rest.
        """
        rest = self._padded.translate(None, characters)
        return rest[_PAD : len(rest) - len(self._padded) + self._end]

    def runs(self) -> tuple[IntArray, IntArray]:
        """Return where each unbroken row of characters of `NUMBER` begins and ends.

        Returns
        -------
        tuple of ndarray
            Places, in order; the second exclusive. [1, 1]
        """
        within = self._bytes - np.uint8(NUMBER[0]) < len(NUMBER)
        edges = np.flatnonzero(within[1:] != within[:-1]) + 1
        return edges[::2], edges[1::2]

    def eight(self, at: IntArray) -> WordArray:
        """Return eight characters from each place on, the first in the lowest byte.

        Parameters
        ----------
        at : ndarray, shape (n,)
            Where; outside the text anything is returned. [1]

        Returns
        -------
        ndarray, shape (n,)
            A word each. [1]
        """
        i, shift = at >> 3, ((at & 7) << 3).view(np.uint64)
        here: WordArray = self._words.take(i, mode="clip")
        after = self._words.take(i + 1, mode="clip")
        here >>= shift
        after <<= np.uint64(1)
        after <<= np.uint64(63) - shift
        here |= after
        return here

    def stands(self, constant: bytes, at: IntArray) -> BoolArray:
        """Whether a text stands at each place.

        Parameters
        ----------
        constant : bytes
            Which text.
        at : ndarray, shape (n,)
            Where it should begin. [1]

        Returns
        -------
        ndarray, shape (n,)
            False outside the text too.
        """
        good = (at >= self.first) & (at <= self._last)
        for k in range(0, len(constant), 8):
            part = constant[k : k + 8]
            wanted = np.uint64(int.from_bytes(part, "little"))
            mask = np.uint64((1 << 8 * len(part)) - 1)
            good &= (self.eight(at + k) & mask) == wanted
        return good

    def numbers(self, start: IntArray, end: IntArray) -> tuple[FloatArray, BoolArray]:
        """Return the numbers written between places, and which of them are such numbers.

        Parameters
        ----------
        start : ndarray, shape (n,)
            Where each begins. [1]
        end : ndarray, shape (n,)
            Where each ends, exclusive. [1]

        Returns
        -------
        tuple of ndarray
            The floats nearest to what is written, anything where it is no JSON number of at most
            fifteen digits without an exponent; whether it is one. [unit of the text, 1]
        """
        word = self.eight(start)
        minus = (word & _LOWEST) == ord("-")
        if minus.any():
            start = start + minus
            word = self.eight(start)
        size = end - start
        if size.size and size.max() <= 8:
            value, fits = _short(word, size)
        else:
            value, fits = self._long(word, start, size)
        return (np.where(minus, -value, value) if minus.any() else value), fits

    def _long(
        self, word: WordArray, start: IntArray, size: IntArray
    ) -> tuple[FloatArray, BoolArray]:
        whole, digits, good = self._whole(word, start, size)
        after = np.maximum(size - whole - 1, 0)
        fits = good & _well_formed(word, whole, size) & (after <= 8)
        fits &= (whole <= _WHOLE_DIGITS) & (whole + after <= _DIGITS)
        if after.any():
            fraction, good = _eight_digits(self.eight(start + whole + 1), after)
            fits &= good
            after = np.where(fits, after, 0)
            digits = digits * _TENS[after] + fraction
        return digits / _FLOAT_TENS[after], fits

    def _whole(
        self, word: WordArray, start: IntArray, size: IntArray
    ) -> tuple[IntArray, WordArray, BoolArray]:
        # How many digits stand before the point or the end, what they say, and whether they are.
        whole = np.minimum(_point(word), size)
        digits, good = _eight_digits(word, whole)
        longer = (whole == 8) & (size > 8)
        if longer.any():
            rest = self.eight(start + 8)
            more = np.where(longer, np.minimum(_point(rest), size - 8), 0)
            low, fits = _eight_digits(rest, more)
            digits = digits * _TENS[more] + low
            whole, good = whole + more, good & fits
        return whole, digits, good


def _short(word: WordArray, size: IntArray) -> tuple[FloatArray, BoolArray]:
    # Numbers of at most eight characters: without the point their digits are one word.
    below = _below_point(word)
    whole = np.minimum(_characters(below), size)
    before = (below.view(np.int64) >> 7).view(np.uint64)
    after = np.maximum(size - whole - 1, 0)
    digits, good = _eight_digits(word & before | word >> np.uint64(8) & ~before, whole + after)
    good &= _well_formed(word, whole, size)
    return digits / _FLOAT_TENS[after], good


def _well_formed(word: WordArray, whole: IntArray, size: IntArray) -> BoolArray:
    # Digits before a point, digits after it, and no zero before others.
    zeros = ((word & _LOWEST) == ord("0")) & (whole > 1)
    fits: BoolArray = (whole > 0) & (size != whole + 1) & ~zeros
    return fits


def _below_point(word: WordArray) -> WordArray:
    # The bits below the top one of the first point; all when there is none.
    other = word ^ _EACH_POINT
    zero = (other - _EACH_1) & ~other & _EACH_TOP
    return (zero & (~zero + np.uint64(1))) - np.uint64(1)


def _characters(below: WordArray) -> IntArray:
    return (np.bitwise_count(below) >> 3).astype(np.int64)


def _point(word: WordArray) -> IntArray:
    # How many characters stand before the first point; 8 when there is none.
    return _characters(_below_point(word))


def _eight_digits(word: WordArray, size: IntArray) -> tuple[WordArray, BoolArray]:
    # What the first `size` characters say, and whether all of them are digits: each digit beside
    # its neighbour, then pairs, then fours (Langdale and Lemire, Parsing gigabytes of JSON per
    # second, section 3.1.4, 2019).
    unused = (64 - 8 * np.minimum(np.maximum(size, 0), 8)).view(np.uint64)
    digit = word ^ _EACH_0
    digit <<= unused
    good = ((digit + _ABOVE_9) | digit) & _EACH_TOP == 0
    pair = digit >> np.uint64(8)
    digit *= np.uint64(10)
    pair += digit
    high = (pair & _PAIRS) * _HIGH_PAIRS
    pair >>= np.uint64(16)
    pair &= _PAIRS
    pair *= _LOW_PAIRS
    pair += high
    pair >>= np.uint64(32)
    return pair, good
