"""The footprint of the devices, stacked by stage, beside what they helped to avoid.

Where the stack is too low to be read on the scale of the avoided, it is drawn once more,
enlarged, with the number of times written beside it.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report import svg
from cobenefit_backend.report.charts import HEIGHT, Reader
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.view import CaseView

_WIDTH, _TOP, _BOTTOM = 640, 44, 290
_BAR, _AVOIDED, _OWN, _ENLARGED = 70, 40, 178, 302
_READABLE = 0.25
_APART = 27
"""Labels stand at least so far apart, for a telephone's larger letters. [px]"""


def panel(view: CaseView, csv: str = "") -> Panel:
    """Return the chart with its sentence and table.

    Parameters
    ----------
    view : CaseView
        The case.
    csv : str, optional
        Address of the same as CSV.

    Returns
    -------
    Panel
        The panel.
    """
    words, form = view.reader.words, view.reader.format
    own, avoided = view.case.estimate.footprint_kgco2e, _avoided(view)
    stages = {name: value for name, value in view.stages().items() if value}
    total = sum(stages.values())
    key = "beside_sentence"
    if avoided is None or avoided.central <= 0 or own.central <= 0:
        key = "beside_alone"
    largest = max(stages, key=lambda name: stages[name], default="make")
    sentence = words(
        key,
        own=form.mass(own.central),
        avoided=form.mass(avoided.central) if avoided else "",
        share=form.number(100 * own.central / avoided.central)
        if avoided and avoided.central
        else "",
        stage=words(f"step_{largest}").lower(),
        part=form.percent(stages.get(largest, 0.0) / (total or 1.0)),
    )
    rows = [
        (words(f"step_{name}"), form.mass(value), form.percent(value / (total or 1.0)))
        for name, value in stages.items()
    ]
    head = (words("waterfall_step"), words("waterfall_amount"), words("beside_share"))
    chart = draw(avoided, stages, view.tone, view.reader)
    return Panel(words("beside"), sentence, chart, head, tuple(rows), csv=csv)


def _avoided(view: CaseView) -> Interval | None:
    """Return gross less rebound, None where no CO2e is claimed."""
    estimate = view.case.estimate
    if estimate.gross_kgco2e is None or estimate.rebound_kgco2e is None or view.case.placebo:
        return None
    return estimate.gross_kgco2e.minus(estimate.rebound_kgco2e)


def draw(
    avoided: Interval | None, stages: Mapping[str, float], tone: str, reader: Reader
) -> Markup:
    """Draw the columns.

    Parameters
    ----------
    avoided : Interval or None
        What is avoided, None where nothing is claimed. [kgCO2e]
    stages : mapping
        The footprint by stage, from the ground up. [kgCO2e]
    tone : str
        `good`, `bad`, `grey` or `hatch`, as the net.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    words, form = reader.words, reader.format
    total = sum(stages.values())
    high = max(total, avoided.high if avoided else 0.0) or 1.0
    low = min(0.0, avoided.low if avoided else 0.0)
    y = svg.Scale(low, high, _BOTTOM, _TOP)
    parts = [svg.line((0, y(0)), (_OWN + _BAR + 16, y(0)), "zero")]
    if avoided is not None:
        parts += _avoided_column(avoided, tone, y, reader)
    readable = avoided is None or total >= _READABLE * (high - low)
    parts.append(_under(_OWN, words("beside_own"), form.mass(total)))
    parts += _stack(stages if readable else {"all": total}, _OWN, y)
    if not readable:
        parts += _enlarged(stages, y, (high - low) / total if total else 1.0, reader)
    scale = y if readable else svg.Scale(0.0, total or 1.0, _BOTTOM, _TOP)
    left = (_OWN if readable else _ENLARGED) + _BAR
    parts += _stage_names(stages, left, scale, reader)
    return svg.drawing(_WIDTH, HEIGHT + 10, words("beside_alt"), parts, "chart beside")


def _avoided_column(avoided: Interval, tone: str, y: svg.Scale, reader: Reader) -> list[Markup]:
    top, bottom = sorted((y(avoided.central), y(0.0)))
    middle = _AVOIDED + _BAR / 2
    return [
        svg.element(
            "rect", x=_AVOIDED, y=top, width=_BAR, height=max(bottom - top, 1.5),
            class_=f"step {tone}",
        ),
        svg.line((middle, y(avoided.low)), (middle, y(avoided.high)), "centre"),
        _under(_AVOIDED, reader.words("beside_avoided"), reader.format.mass(avoided.central)),
    ]  # fmt: skip


def _under(left: float, name: str, amount: str) -> Markup:
    middle = left + _BAR / 2
    return Markup("").join(
        (
            svg.text((middle, _BOTTOM + 22), name, "label", "middle"),
            svg.text((middle, _BOTTOM + 46), amount, "tick", "middle"),
        )
    )


def _stack(stages: Mapping[str, float], left: float, y: svg.Scale) -> list[Markup]:
    """Draw the stages on top of each other, with a thin line of paper between."""
    parts, level = [], 0.0
    for amount in stages.values():
        top = y(level + amount)
        parts.append(
            svg.element(
                "rect", x=left, y=top, width=_BAR, height=max(y(level) - top, 0.5),
                class_="step own part" if len(stages) > 1 else "step own",
            )
        )  # fmt: skip
        level += amount
    return parts


def _enlarged(
    stages: Mapping[str, float], y: svg.Scale, times: float, reader: Reader
) -> list[Markup]:
    total = sum(stages.values())
    whole = svg.Scale(0.0, total or 1.0, _BOTTOM, _TOP)
    corners = (
        [(_OWN + _BAR, y(total)), (_ENLARGED, _TOP)],
        [(_OWN + _BAR, y(0)), (_ENLARGED, _BOTTOM)],
    )
    named = reader.words("beside_times", times=reader.format.number(times))
    return [
        *(svg.line(a, b, "grid") for a, b in corners),
        *_stack(stages, _ENLARGED, whole),
        svg.text((_ENLARGED + _BAR / 2, _TOP - 12), named, "label", "middle"),
    ]


def _stage_names(
    stages: Mapping[str, float], left: float, y: svg.Scale, reader: Reader
) -> list[Markup]:
    """Name each stage beside its part, pushed apart where parts are thin."""
    middles, level = [], 0.0
    for amount in stages.values():
        middles.append(y(level + amount / 2))
        level += amount
    parts = []
    for (name, _), middle, at in zip(stages.items(), middles, _spread(middles), strict=True):
        parts += [
            svg.line((left + 2, middle), (left + 22, at), "grid"),
            svg.text((left + 28, at + 5), reader.words(f"stage_short_{name}"), "label"),
        ]
    return parts


def _spread(middles: Sequence[float]) -> list[float]:
    """Return places from the ground up that are far enough apart and stay on the paper."""
    places: list[float] = []
    for middle in middles:
        highest = places[-1] - _APART if places else float(_BOTTOM - 6)
        places.append(min(middle, highest))
    for above, index in enumerate(reversed(range(len(places)))):
        places[index] = max(places[index], float(_TOP + above * _APART))
    return places
