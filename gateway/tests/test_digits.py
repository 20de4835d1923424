import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.digits import LONGEST, Text, numbers, until

DIGITS = st.text("0123456789.-", max_size=18)


@given(st.lists(DIGITS, min_size=1, max_size=20))
@settings(deadline=None)
def test_numbers_are_those_of_a_parser_or_none(words):
    text = Text([f"={word},".encode() for word in words])
    size = np.array([len(word) for word in words])
    low, high, good = text.after(b"=", text.first + np.cumsum(size + 2) - size - 1)
    assert good.all()
    assert until(b",", low, high).tolist() == [min(n, 17) if n < 16 else 17 for n in size]
    values, fits = numbers(low, high, size)
    for word, value, good in zip(words, values.tolist(), fits.tolist(), strict=True):
        try:
            parsed = json.loads(word)
        except ValueError:
            assert not good
            continue
        digits = len(word.replace("-", "").replace(".", ""))
        assert good == (digits <= 15 and len(word.strip("-").split(".")[0]) <= 14
                        and len(word.partition(".")[2]) <= 8 and len(word) <= 16)  # fmt: skip
        assert not good or value == parsed


@given(st.lists(st.integers(-20, 40), min_size=1, max_size=9))
def test_lengths_that_are_none_fit_nothing(sizes):
    text = Text([b"12345678.12345678"])
    low, high, _ = text.after(b"x", np.full(len(sizes), text.first))
    value, fits = numbers(low, high, np.array(sizes))
    for n, x, good in zip(sizes, value.tolist(), fits.tolist(), strict=True):
        assert good == (n in range(1, 9) or n in range(10, 17))
        assert not good or x == float("12345678.12345678"[:n])


@given(st.integers(1, LONGEST), st.integers(0, 7), st.data())
def test_a_text_stands_before_a_place_or_does_not(size, shift, data):
    constant = bytes(range(1, 1 + size))
    wounded = bytearray(constant)
    wounded[data.draw(st.integers(0, size - 1))] ^= data.draw(st.integers(1, 255))
    text = Text([bytes(shift), constant, b"0123456789abcdef", bytes(wounded)])
    at = text.first + shift + np.array([size, size + 1, 2 * size + 16, -text.first // 2])
    low, high, stands = text.after(constant, at)
    assert stands.tolist() == [True, False, False, False]
    assert low[:1].tobytes() + high[:1].tobytes() == b"0123456789abcdef"


def test_characters_are_found_where_they_stand():
    text = Text([b"}a}", b"}"])
    assert (text.places(b"}") - text.first).tolist() == [0, 2, 3]
    assert Text([]).places(b"}").tolist() == []
