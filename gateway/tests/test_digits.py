import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.digits import Text

DIGITS = st.text("0123456789.-", max_size=18)


@given(st.lists(DIGITS, min_size=1, max_size=20))
@settings(deadline=None)
def test_numbers_are_those_of_a_parser_or_none(words):
    text = Text([",".join(words).encode()])
    size = np.array([len(word) for word in words])
    start = text.first + np.cumsum(size + 1) - size - 1
    values, fits = text.numbers(start, start + size)
    for word, value, good in zip(words, values.tolist(), fits.tolist(), strict=True):
        try:
            parsed = json.loads(word)
        except ValueError:
            assert not good
            continue
        digits = len(word.replace("-", "").replace(".", ""))
        assert good == (digits <= 15 and len(word.strip("-").split(".")[0]) <= 14
                        and len(word.partition(".")[2]) <= 8)  # fmt: skip
        assert not good or value == parsed


def test_a_text_stands_or_does_not():
    text = Text([b"abcdefgh", b"ijkl"])
    at = np.array([-50, 0, text.first, text.first + 1, text.first + 4, 500])
    assert text.stands(b"abcdefghij", at).tolist() == [False, False, True, False, False, False]
    assert text.stands(b"efgh", at).tolist() == [False, False, False, False, True, False]


def test_runs_of_numbers_are_found_with_their_ends():
    text = Text([b"12,a-3", b".5b/,9"])
    begins, ends = text.runs()
    assert (begins - text.first).tolist() == [0, 4, 9, 11]
    assert (ends - text.first).tolist() == [2, 8, 10, 12]
    assert text.without(b"0123456789") == b",a-.b/,"
    assert Text([]).runs()[0].tolist() == []
