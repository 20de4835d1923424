"""The classes of the map: every place has one, told apart without colour."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.pages import choropleth
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Words

READER = Reader(Words.load("en"), Formatter("en"))
KILOGRAMS = st.floats(-1e7, 1e7, allow_nan=False)
VALUES = st.lists(
    st.none() | st.tuples(KILOGRAMS, KILOGRAMS, KILOGRAMS).map(lambda v: Interval(*sorted(v))),
    min_size=1,
    max_size=12,
)
SQUARE = (((0, 0), (20, 0), (20, 20), (0, 20)),)


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_every_value_has_a_class_that_says_its_sign(values):
    among = choropleth.classes(values, READER)
    assert len({each.pattern for each in among}) == len(among)
    for value in values:
        found = choropleth.class_of(value, among)
        assert found in among
        if value is None:
            assert (found.pattern, found.letter) == ("none", "")
        elif value.contains_zero:
            assert found.pattern == "zero"
        elif value.high < 0:
            assert found.pattern == "bad"
        else:
            assert found.pattern in ("low", "mid", "high")
            # the highest edge is a round number that covers the largest value, but for rounding
            assert value.central <= found.highest * (1 + 1e-9)
    assert [each.letter for each in among if each.letter] == list("ABCDE")[
        : len([each for each in among if each.pattern != "none"])
    ]


def test_larger_values_are_never_in_a_lower_class():
    values = [Interval(v * 0.9, v, v * 1.1) for v in (5.0, 40.0, 41.0, 80.0, 118.0)]
    among = choropleth.classes(values, READER)
    # ranges of 50 cover 118 in three steps
    patterns = [choropleth.class_of(value, among).pattern for value in values]
    assert patterns == ["low", "low", "low", "mid", "high"]
    assert [each.text for each in among][-1].startswith("0 to ")


def test_the_drawing_has_a_path_and_a_letter_for_each_class():
    values = [Interval(90, 100, 110), Interval(-5, 1, 5), Interval(-30, -20, -10), None]
    outlines = [
        tuple(tuple((x + 30 * index, y) for x, y in ring) for ring in SQUARE)
        for index in range(len(values))
    ]
    text = choropleth.areas(outlines, values, "the <map>", READER)
    assert re.findall(r'class="area (\w+)"', text) == ["none", "bad", "zero", "high"]
    assert re.findall(r'class="letter"[^>]*>(\w)<', text) == ["A", "B", "C"]
    assert 'aria-label="the &lt;map&gt;"' in text
    for pattern in ("none", "bad", "zero"):
        assert f'fill="url(#p-{pattern})"' in text
        assert f'id="p-{pattern}"' in text
