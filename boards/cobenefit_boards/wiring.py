"""Draws how a sensor is wired to a board, from the pins of the board file.

A drawing is an SVG with a ground of its own, so it can be read on light and dark pages. What is
drawn is what the firmware's drivers expect; values of resistors are those of the drawings' notes.
"""

from dataclasses import dataclass
from html import escape

from cobenefit_boards.board import Board

_ROW, _TOP, _WIDTH = 44, 84, 680
_BOARD, _PART, _SENSOR = (20, 150), (290, 120), (530, 130)
_COLOURS = {"3V3": "#b3261e", "5V": "#b3261e", "12V": "#b3261e", "GND": "#1f1f1f"}
_SIGNALS = ("#0b57d0", "#146c2e", "#7a4a00", "#6a1b9a")


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire.

    Attributes
    ----------
    left, right : str
        `board:…`, `part:…` or `sensor:…`, and the terminal; of the board a signal or a supply.
    resistor : str
        Value in series, empty for none.
    pull : str
        Value of a resistor to 3V3, empty for none.
    """

    left: str
    right: str
    resistor: str = ""
    pull: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to wire a sensor.

    Attributes
    ----------
    name : str
        In file names.
    title, sensor, part : str
        What it is for, the sensor, and what stands between, empty for nothing.
    wires : tuple of Wire
        From top to bottom.
    notes : tuple of str
        What to mind.
    """

    name: str
    title: str
    sensor: str
    part: str
    wires: tuple[Wire, ...]
    notes: tuple[str, ...]


_GROUND = Wire("board:GND", "sensor:GND")
_BUS = (
    Wire("board:rx", "part:RO"), Wire("board:tx", "part:DI"), Wire("board:3V3", "part:VCC"),
    Wire("board:GND", "part:GND"),
)  # fmt: skip
_AB = (Wire("part:A", "sensor:A"), Wire("part:B", "sensor:B"))
_BUS_NOTES = (
    "A 3.3 V module (MAX3485, SP3485) that switches direction by itself.",
    "120 Ω between A and B at each end of a long line. Swap A and B if nothing answers.",
)
PLANS = (
    Plan("tic", "Linky, TIC output: driver tic", "Linky", "Optocoupler",
         (Wire("board:rx", "part:collector", pull="10 kΩ"), Wire("board:GND", "part:emitter"),
          Wire("part:anode", "sensor:I1", "1 kΩ"), Wire("part:cathode", "sensor:I2")),
         ("The optocoupler (SFH620A, LTV-814) keeps meter and board apart: I1 and I2 have no",
          "polarity and never touch the board. Take nothing else from the meter's terminals.")),
    Plan("pulse", "Meter with an S0 output: driver pulse", "S0 meter", "",
         (Wire("board:counter", "sensor:S0+", pull="10 kΩ"), Wire("board:GND", "sensor:S0-")),
         ("S0 is a switch without a voltage of its own, 27 V and 27 mA at most (IEC 62053-31).",
          "Mind the polarity; a cable of more than 3 m wants the 10 kΩ, not the board's own.")),
    Plan("modbus", "Meter on RS-485: driver modbus", "Modbus meter", "RS-485 module",
         _BUS + _AB, _BUS_NOTES),
    Plan("soil", "Capacitive soil probe: driver soil_adc", "Soil probe", "",
         (Wire("board:adc", "sensor:AOUT"), Wire("board:3V3", "sensor:VCC"), _GROUND),
         ("Feed the probe with 3.3 V, never 5 V: the input takes no more than 3.3 V.",
          "A cable of at most 2 m. Calibrate it where it stands: dry, then wet.")),
    Plan("soil-rs485", "Soil probe on RS-485: driver modbus", "Soil probe", "RS-485 module",
         (*_BUS, *_AB, Wire("board:GND", "sensor:GND")),
         (*_BUS_NOTES, "The probe has a supply of its own, as printed on it; join the GNDs.")),
    Plan("traffic", "Road radar LD2451: driver ld2451", "LD2451 radar", "",
         (Wire("board:rx", "sensor:TX"), Wire("board:tx", "sensor:RX"),
          Wire("board:5V", "sensor:5V"), _GROUND),
         ("The radar's lines are of 3.3 V, its supply is 5 V: a board on cells can't feed it.",
          "Crossed: TX of the one to RX of the other.")),
)  # fmt: skip
_NEEDS = {"rx": "rx", "tx": "tx", "adc": "adc0", "counter": "counter0"}


def signals(board: Board) -> dict[str, str]:
    """Return the label of each signal and supply a drawing may ask for.

    Parameters
    ----------
    board : Board
        The board.

    Returns
    -------
    dict of str to str
        `rx`, `tx`, `adc`, `counter` as far as the board has them, `3V3`, `5V`, `GND`.
    """
    found = {"3V3": "3V3", "GND": "GND", "5V": "VBUS (5V)" if "pico" in board.name else "5V"}
    uarts = sorted({key[:5] for key in board.pins if key.startswith("uart")}, reverse=True)
    for name, key in _NEEDS.items():
        whole = f"{uarts[0]}_{key}" if key in {"rx", "tx"} and uarts else key
        if whole in board.pins:
            shown = whole.replace("_", " ").upper()
            found[name] = f"GPIO{board.pins[whole]} ({shown})"
    return found


def plans(board: Board) -> list[Plan]:
    """Return the drawings a board can have.

    Parameters
    ----------
    board : Board
        The board.

    Returns
    -------
    list of Plan
        Without those whose signals it lacks; the analogue probe before that on RS-485.
    """
    known = {f"board:{name}" for name in signals(board)}
    fits = [p for p in PLANS if {w.left for w in p.wires if w.left.startswith("board")} <= known]
    analogue = any(plan.name == "soil" for plan in fits)
    return [plan for plan in fits if not (analogue and plan.name == "soil-rs485")]


def draw(board: Board, plan: Plan) -> str:
    """Return a drawing.

    Parameters
    ----------
    board : Board
        The board.
    plan : Plan
        One of `plans(board)`.

    Returns
    -------
    str
        SVG.
    """
    label = signals(board)
    bottom = _TOP + _ROW * len(plan.wires)
    height = bottom + 34 + 20 * len(plan.notes)
    boxes = [(_BOARD, board.title.partition(" as ")[0]), (_SENSOR, plan.sensor)]
    if plan.part:
        boxes.append((_PART, plan.part))
    drawn = [_box(x, width, bottom, title) for (x, width), title in boxes]
    drawn += [_wire(wire, row, label) for row, wire in enumerate(plan.wires)]
    drawn += [_text(20, bottom + 34 + 20 * n, note, 13) for n, note in enumerate(plan.notes)]
    title = f"{board.title.partition(' as ')[0]} – {plan.title}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="sans-serif"><title>{escape(title)}</title>'
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#fff"/>'
        f"{_text(20, 28, title, 17, 'bold')}{''.join(drawn)}</svg>\n"
    )


def _box(x: int, width: int, bottom: int, title: str) -> str:
    top = _TOP - 36
    return (
        f'<rect x="{x}" y="{top}" width="{width}" height="{bottom - top}" rx="6" fill="#eef2f7" '
        f'stroke="#44546a" stroke-width="1.5"/>'
        f"{_text(x + width / 2, top + 17, title, 12, 'bold', 1)}"
    )


def _wire(wire: Wire, row: int, label: dict[str, str]) -> str:
    y = _TOP + _ROW * row + 16
    edges = {"board": _BOARD, "part": _PART, "sensor": _SENSOR}
    (near, left), (far, right) = wire.left.split(":"), wire.right.split(":")
    start, end = edges[near][0] + edges[near][1], edges[far][0]
    colour = _COLOURS.get(left) or _COLOURS.get(right) or _SIGNALS[row % len(_SIGNALS)]
    shown = label.get(left, left) if near == "board" else left
    parts = [
        f'<path d="M{start} {y}H{end}" stroke="{colour}" stroke-width="2.5" fill="none"/>',
        _dot(start, y, colour), _dot(end, y, colour),
        _text(start - 8, y + 4, shown, 12, anchor=2), _text(end + 8, y + 4, right, 12),
    ]  # fmt: skip
    middle = (start + end) / 2
    if wire.resistor:
        parts.append(_resistor(middle, y, wire.resistor))
    if wire.pull:
        parts.append(_pull(start + 50, y, wire.pull))
    return "".join(parts)


def _resistor(x: float, y: float, value: str) -> str:
    return (
        f'<rect x="{x - 20:g}" y="{y - 7:g}" width="40" height="14" fill="#fff" stroke="#1f1f1f" '
        f'stroke-width="1.5"/>{_text(x, y - 12, value, 12, anchor=1)}'
    )


def _pull(x: float, y: float, value: str) -> str:
    return (
        f'<path d="M{x:g} {y:g}V{y - 40:g}" stroke="#b3261e" stroke-width="2"/>'
        f'<rect x="{x - 6:g}" y="{y - 34:g}" width="12" height="24" fill="#fff" stroke="#1f1f1f" '
        f'stroke-width="1.5"/>{_dot(x, y, "#b3261e")}'
        f"{_text(x + 12, y - 16, value, 12)}{_text(x, y - 45, '3V3', 12, anchor=1)}"
    )


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="3.5" fill="{colour}"/>'


def _text(  # noqa: PLR0917
    x: float, y: float, text: str, size: int, weight: str = "normal", anchor: int = 0
) -> str:
    place = ("start", "middle", "end")[anchor]
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="#1f1f1f" '
        f'text-anchor="{place}">{escape(text)}</text>'
    )
