"""Small SVG building blocks: scales, ticks, paths with gaps, escaped text.

Colours and sizes come from classes of `style.css`; nothing here needs a script or an inline
style, so a strict content security policy holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from data to drawing units.

    Parameters
    ----------
    low, high : float
        Range of the data; equal ends are widened. [unit of the data]
    start, end : float
        Where they land. [px]
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value.

        Parameters
        ----------
        value : float
            A value. [unit of the data]

        Returns
        -------
        float
            Its place. [px]
        """
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round values that cover a range.

    Parameters
    ----------
    low, high : float
        The range. [unit of the data]
    count : int, optional
        About how many. [1]

    Returns
    -------
    list of float
        Multiples of 1, 2 or 5 times a power of ten. [unit of the data]
    """
    span = (high - low) or 1.0
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def number(value: float) -> str:
    """Return a coordinate with at most one decimal.

    Parameters
    ----------
    value : float
        A coordinate. [px]

    Returns
    -------
    str
        Its text.
    """
    return f"{value:.1f}".removesuffix(".0")


def element(tag: str, content: str = "", /, **attributes: str | float) -> Markup:
    """Return an element with escaped attributes; `class_` becomes `class`, `_` becomes `-`."""
    parts = [
        f' {name.rstrip("_").replace("_", "-")}="'
        f'{number(value) if isinstance(value, int | float) else escape(value)}"'
        for name, value in attributes.items()
    ]
    inner = content if isinstance(content, Markup) else escape(content)
    end = f">{inner}</{tag}>" if inner else "/>"  # an empty element closes itself in SVG
    return Markup(f"<{tag}{''.join(parts)}{end}")  # noqa: S704  all parts escaped


def line(a: Point, b: Point, class_: str) -> Markup:
    """Return a straight line."""
    ends = (*map(number, a), *map(number, b))
    return element("path", d="M{} {}L{} {}".format(*ends), class_=class_)


def text(at: Point, words: str, class_: str = "", anchor: str = "start") -> Markup:
    """Return a text."""
    place = {} if anchor == "start" else {"text_anchor": anchor}  # which is the default
    return element("text", words, x=at[0], y=at[1], class_=class_, **place)


def path(points: Sequence[Point | None], class_: str) -> Markup:
    """Return a line through the points, interrupted at every None."""
    parts, pen_up = [], True
    for point in points:
        if point is None:
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{point[0]:.0f} {point[1]:.0f}")
        pen_up = False
    return element("path", d="".join(parts), class_=class_)


def area(upper: Sequence[Point | None], lower: Sequence[Point | None], class_: str) -> Markup:
    """Return the surface between two lines, interrupted where either is None."""
    parts: list[str] = []
    run: list[tuple[Point, Point]] = []
    for top, bottom in [*zip(upper, lower, strict=True), (None, None)]:
        if top is not None and bottom is not None:
            run.append((top, bottom))
        elif run:
            ring = [edge for edge, _ in run] + [edge for _, edge in reversed(run)]
            parts.append("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in ring) + "Z")
            run = []
    return element("path", d="".join(parts), class_=class_)


def drawing(
    width: int, height: int, label: str, parts: Sequence[Markup], class_: str = "chart"
) -> Markup:
    """Return a drawing that scales with the page and has a name for who cannot see it.

    Parameters
    ----------
    width, height : int
        Drawing units. [px]
    label : str
        What it shows, in one sentence.
    parts : sequence of Markup
        Elements, back to front.
    class_ : str, optional
        Class of the drawing.

    Returns
    -------
    Markup
        The `svg` element.
    """
    return element(
        "svg",
        Markup("").join(parts),
        viewBox=f"0 0 {width} {height}",
        class_=class_,
        role="img",
        aria_label=label,
    )
