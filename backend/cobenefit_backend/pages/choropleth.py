"""The map: areas or sites by their net per device, in classes told by pattern and letter."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cobenefit_backend.areas.outline import SIZE, Outline, path_text
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report import svg
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit

MAX_LETTERS = 60
_MIN_LETTER_PX = 18
_MARGIN = 4
_TILE = 8
_STROKES = {
    "none": ("M0 8L8 0", "soft"),
    "zero": ("M0 2H8M0 6H8", "soft"),
    "bad": ("M0 0L8 8M0 8L8 0", "own"),
    "low": ("M1 1h1v1h-1zM5 5h1v1h-1z", "avoid"),
    "mid": ("M0 8L8 0M-2 2L2 -2M6 10L10 6", "avoid"),
}
"""Pattern of each class by its stroke; the highest class is filled."""
_GOOD = ("low", "mid", "high")


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the map.

    Parameters
    ----------
    letter : str
        What tells it apart beside the pattern; empty for places without a figure.
    pattern : str
        `none`, `zero`, `bad`, `low`, `mid` or `high`.
    text : str
        What it means.
    highest : float
        The highest value in it, where it has a range. [kgCO2e]
    """

    letter: str
    pattern: str
    text: str
    highest: float = 0.0

    @property
    def swatch(self) -> Markup:
        """A sample of its pattern, for the key."""
        box = svg.element(
            "rect", x=1, y=1, width=30, height=18, class_=f"area {self.pattern}",
            fill=_fill(self.pattern),
        )  # fmt: skip
        return svg.element("svg", box, viewBox="0 0 32 20", class_="swatch", aria_hidden="true")


def classes(values: Sequence[Interval | None], reader: Reader) -> list[Class]:
    """Return the classes that some places need, from the highest to no figure.

    Parameters
    ----------
    values : sequence of Interval or None
        Net per device of each place. [kgCO2e]
    reader : Reader
        For whom.

    Returns
    -------
    list of Class
        Those that occur, the letter `A` first.
    """
    words, form = reader.words, reader.format
    known = [value for value in values if value is not None]
    good = [value.central for value in known if value.low > 0]
    found: list[Class] = []
    if good:
        ticks = svg.nice_ticks(0.0, max(good), len(_GOOD))
        unit = mass_unit(ticks[-1])
        used = {_rank(value, ticks[1:]) for value in good}
        for index in sorted(used, reverse=True):
            low, high = form.bare_mass(ticks[index], unit), form.mass(ticks[index + 1], unit)
            text = words("map_range", low=low, high=high)
            pattern = _GOOD[index - len(ticks) + 1]  # the last range is the filled one
            found.append(Class("", pattern, text, ticks[index + 1]))
    if any(value.contains_zero for value in known):
        found.append(Class("", "zero", words("map_zero")))
    if any(value.high < 0 for value in known):
        found.append(Class("", "bad", words("map_bad")))
    named = [
        Class(letter, each.pattern, each.text, each.highest)
        for letter, each in zip("ABCDE", found, strict=False)
    ]
    return [*named, Class("", "none", words("map_gap"))] if None in values else named


def _rank(value: float, highest: Sequence[float]) -> int:
    """Return which of the rising ranges a value is in; what is above all is in the last."""
    return min(bisect_left(highest, value), len(highest) - 1)


def class_of(value: Interval | None, among: Sequence[Class]) -> Class:
    """Return the class of a place.

    Parameters
    ----------
    value : Interval or None
        Its net per device. [kgCO2e]
    among : sequence of Class
        The classes of the map it is on.

    Returns
    -------
    Class
        Its class.
    """
    if value is None:
        pattern = "none"
    elif value.contains_zero:
        pattern = "zero"
    elif value.high < 0:
        pattern = "bad"
    else:
        good = [each for each in reversed(among) if each.pattern in _GOOD]
        return good[_rank(value.central, [each.highest for each in good])]
    return next(each for each in among if each.pattern == pattern)


def areas(
    outlines: Sequence[Outline], values: Sequence[Interval | None], label: str, reader: Reader
) -> Markup:
    """Draw areas, those of a class as one path.

    Parameters
    ----------
    outlines : sequence of tuple
        Outline of each area. [px]
    values : sequence of Interval or None
        Net per device of each. [kgCO2e]
    label : str
        What the map shows, for who can't see it.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    among = classes(values, reader)
    chosen = [class_of(value, among) for value in values]
    parts = [patterns()]
    for each in reversed(among):
        members = [o for o, c in zip(outlines, chosen, strict=True) if c is each]
        shape = "".join(path_text(outline) for outline in members)
        parts.append(
            svg.element(
                "path",
                d=shape,
                class_=f"area {each.pattern}",
                fill=_fill(each.pattern), fill_rule="evenodd",
            )
        )  # fmt: skip
    lettered = [(o, c) for o, c in zip(outlines, chosen, strict=True) if c.letter]
    if len(lettered) <= MAX_LETTERS:
        parts += [
            svg.text((x, y + 5), c.letter, "letter", "middle")
            for outline, c in lettered
            for x, y in _middle(outline)
        ]
    return _drawing(outlines, label, parts)


def dots(
    places: Sequence[tuple[float, float]], names: Sequence[str],
    values: Sequence[Interval | None], label: str, reader: Reader,
) -> Markup:  # fmt: skip
    """Draw sites as dots.

    Parameters
    ----------
    places : sequence of tuple
        Where they are. [px]
    names : sequence of str
        Their names; written beside them where they are few.
    values : sequence of Interval or None
        Net per device of each. [kgCO2e]
    label : str
        What the map shows, for who can't see it.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    among = classes(values, reader)
    parts = [patterns()]
    for (x, y), name, value in zip(places, names, values, strict=True):
        each = class_of(value, among)
        parts.append(
            svg.element(
                "circle",
                cx=x,
                cy=y,
                r=9,
                class_=f"area {each.pattern}",
                fill=_fill(each.pattern),
            )
        )  # fmt: skip
        if len(places) <= MAX_LETTERS:
            left = x > SIZE / 2
            text = f"{name} {each.letter}".strip()
            parts.append(
                svg.text((x - 14 if left else x + 14, y + 5), text, "letter",
                         "end" if left else "start")
            )  # fmt: skip
    boxes: list[Outline] = [(((round(x) - 12, round(y) - 12), (round(x) + 12, round(y) + 12)),)
                            for x, y in places]  # fmt: skip
    return _drawing(boxes, label, parts, "map dots")


def patterns() -> Markup:
    """Return the definitions of the patterns, once for each page."""
    tiles = []
    for name, (strokes, colour) in _STROKES.items():
        ground = svg.element("rect", width=_TILE, height=_TILE, class_="ground")
        tile = ground + svg.element("path", d=strokes, class_=f"tile {colour}")
        tiles.append(
            svg.element(
                "pattern",
                tile,
                id=f"p-{name}",
                width=_TILE,
                height=_TILE,
                patternUnits="userSpaceOnUse",
            )
        )  # fmt: skip
    return svg.element("defs", Markup("").join(tiles))


def _fill(pattern: str) -> str:
    return f"url(#p-{pattern})" if pattern in _STROKES else "currentColor"


def _middle(outline: Outline) -> Iterator[tuple[float, float]]:
    """Return where a letter stands in an area that is large enough for one."""
    ring = max(outline, key=len)
    (left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*ring, strict=True))
    if right - left >= _MIN_LETTER_PX and bottom - top >= _MIN_LETTER_PX:
        yield sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)


def _drawing(
    outlines: Sequence[Outline], label: str, parts: Sequence[Markup], class_: str = "map"
) -> Markup:
    points = [point for outline in outlines for ring in outline for point in ring]
    left, top = (min(p[axis] for p in points) - _MARGIN for axis in (0, 1))
    right, bottom = (max(p[axis] for p in points) + _MARGIN for axis in (0, 1))
    return svg.element(
        "svg", Markup("").join(parts), viewBox=f"{left} {top} {right - left} {bottom - top}",
        class_=class_, role="img", aria_label=label,
    )  # fmt: skip
