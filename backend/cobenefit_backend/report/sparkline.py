"""A line the size of a word, with gaps where days are missing; its words stand beside it."""

from collections.abc import Sequence

from markupsafe import Markup

from cobenefit_backend.report import svg

WIDTH, HEIGHT = 120, 24
DAYS = 120
_DAY_MS = 86_400_000
_GAP_DAYS = 1.5


def sparkline(values: Sequence[tuple[int, float | None]]) -> Markup:
    """Draw the last days of a series.

    Parameters
    ----------
    values : sequence of tuple
        Start of each day and its value, in time order. [ms, unit of the data]

    Returns
    -------
    Markup
        The drawing, hidden from who listens: the numbers are in the same row; empty for none.
    """
    shown = [each for each in values[-DAYS:] if each[1] is not None]
    known = [value for _, value in shown if value is not None]
    if not known:
        return Markup("")
    x = svg.Scale(shown[0][0], shown[-1][0], 1, WIDTH - 1)
    y = svg.Scale(min(known), max(known), HEIGHT - 2, 2)
    points: list[svg.Point | None] = []
    before = shown[0][0]
    for t_ms, value in shown:
        if t_ms - before > _GAP_DAYS * _DAY_MS:
            points.append(None)
        points.append((x(t_ms), y(value or 0.0)))
        before = t_ms
    return svg.element(
        "svg", svg.path(points, "measured"), viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="spark",
        aria_hidden="true",
    )  # fmt: skip
