"""The drawing of a target: a straight line from its base."""

from markupsafe import Markup

from cobenefit_backend.report import svg
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.territory.targets import Target

WIDTH, HEIGHT = 640, 290
LEFT, RIGHT, TOP, BOTTOM = 64, 626, 76, 242
UNIT = {"kgCO2e/yr": (1e9, "unit_mt"), "kWh/yr": (1e9, "unit_twh")}


def trajectory(aim: Target, year: int, reader: Reader, label: str) -> Markup:
    """Draw a target as a straight line from its base, with the year of the report marked.

    Parameters
    ----------
    aim : Target
        A target with both its ends.
    year : int
        The year up to which the report reaches. [1]
    reader : Reader
        For whom.
    label : str
        What it shows, in one sentence.

    Returns
    -------
    Markup
        The drawing.
    """
    if aim.base_value is None or aim.base_year is None or aim.target_year is None:
        raise ValueError(f"{aim.id} has no base: there is no line to draw")
    size, unit = UNIT[aim.unit]
    ticks = svg.nice_ticks(0.0, aim.base_value / size)
    y = svg.Scale(0.0, ticks[-1], BOTTOM, TOP)
    x = svg.Scale(aim.base_year, aim.target_year, LEFT + 12, RIGHT - 12)
    years = [aim.base_year, aim.target_year]
    if aim.base_year < year < aim.target_year:
        years.insert(1, year)
    parts = [svg.text((0, 18), reader.words(unit), "tick")]
    for tick in ticks:
        parts += [
            svg.line((LEFT, y(tick)), (RIGHT, y(tick)), "zero" if tick == 0 else "grid"),
            svg.text((LEFT - 6, y(tick) + 4), reader.format.exact(round(tick, 9)), "tick", "end"),
        ]
    levels = {each: (aim.level(each) or 0.0) / size for each in years}
    parts.append(svg.path([(x(each), y(level)) for each, level in levels.items()], "expected"))
    for each, level in levels.items():
        anchor = {years[0]: "start", years[-1]: "end"}.get(each, "middle")
        at = (x(each), y(level))
        parts += [
            svg.element("circle", cx=at[0], cy=at[1], r=4, class_="mark"),
            svg.text((at[0], at[1] - 12), reader.format.precise(level), "label", anchor),
            svg.text((at[0], BOTTOM + 28), str(each), "tick", anchor),
        ]
    return svg.drawing(WIDTH, HEIGHT, label, parts)
