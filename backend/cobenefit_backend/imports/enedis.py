"""Load curves as Enedis gives them: mean powers, each stamped with the end of its step.

Three layouts, each seen in public code or threads (docs/reference/imports.md names them): the
customer's export with a preamble and `Horodate;Valeur`; the flux for third parties with
`Horodate`, `Valeur` and `Pas` in each line; the export of 2025 with `Début;Fin;Valeur (en kW)`.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from unicodedata import combining, normalize

from cobenefit_backend.errors import InputError
from cobenefit_backend.imports.records import Draft, Drafts, Refusal, Target
from cobenefit_backend.imports.table import Placer, lines, moment, number

MINUTE_MS = 60_000
STEPS_MIN = (5, 10, 15, 30, 60)
USUAL_MIN = 30
_UNITS = {"w": "W", "kw": "kW", "wh": "Wh", "kwh": "kWh"}
Cells = tuple[int, dict[str, str]]


def read(content: bytes, target: Target) -> Drafts:
    """Read a file.

    Parameters
    ----------
    content : bytes
        The file.
    target : Target
        The series.

    Returns
    -------
    Drafts
        What was found; a line without a value is a gap and no fault.

    Raises
    ------
    InputError
        If no line names the columns, or the unit is none of W, kW, Wh and kWh.
    """
    unit, header, previous = "W", list[str](), list[str]()
    rows: list[Cells] = []
    for at, cells in lines(content):
        plain = [_plain(cell) for cell in cells]
        if "horodate" in plain or {"debut", "fin"} <= set(plain):
            header, rows = plain, []
            continue
        if header:
            rows.append((at, dict(zip(header, cells, strict=False))))
        elif "unite" in previous and len(cells) > previous.index("unite"):
            unit = cells[previous.index("unite")] or unit
        previous = plain
    if not header:
        raise InputError("no line with 'Horodate' or 'Début': this is no Enedis load curve")
    value = next((name for name in header if name.startswith("valeur")), "")
    if not value:
        raise InputError("no column 'Valeur' beside the times", where=";".join(header))
    if "(en " in value:
        unit = value.partition("(en ")[2].rstrip(")")
    return _taken(rows, value, unit, target)


def _plain(cell: str) -> str:
    """Return a heading without accents, in small letters."""
    return "".join(c for c in normalize("NFD", cell.lower()) if not combining(c))


def _taken(rows: Sequence[Cells], value: str, unit: str, target: Target) -> Drafts:
    starts, ends = Placer(target.timezone), Placer(target.timezone)
    found = Drafts([], [])
    stamped: list[tuple[int, int, float, str, str]] = []
    for at, row in rows:
        if not row.get(value):
            continue  # a gap stays a gap
        try:
            amount, name = number(row[value]), _unit(row.get("unite") or unit)
            if "debut" in row:
                start_ms = starts.to_ms(moment(row["debut"]))
                end_ms = ends.to_ms(moment(row["fin"]))
                found.drafts.append(Draft(at, start_ms, end_ms, amount, name))
            else:
                t_ms = ends.to_ms(moment(row["horodate"]))
                stamped.append((at, t_ms, amount, name, row.get("pas", "")))
        except ValueError as error:
            found.refused.append(Refusal(at, "import_unreadable", str(error)))
    usual_ms = _usual_ms([t_ms for _, t_ms, *_ in stamped])
    for at, t_ms, amount, name, step in stamped:
        length_ms = _step_ms(step) if step else usual_ms
        if not length_ms:
            found.refused.append(Refusal(at, "import_unreadable", f"step {step!r}"))
            continue
        found.drafts.append(Draft(at, t_ms - length_ms, t_ms, amount, name))
    return found


def _unit(text: str) -> str:
    if _plain(text) not in _UNITS:
        raise InputError(f"unit {text!r}: takes W, kW, Wh or kWh")
    return _UNITS[_plain(text)]


def _step_ms(text: str) -> int:
    """Return the length of a step such as `PT30M` or `PT1H`, 0 where it is none."""
    amount, letter = text[2:-1], text[-1:]
    if text[:2] != "PT" or not amount.isdigit() or letter not in "MH":
        return 0
    return int(amount) * MINUTE_MS * (60 if letter == "H" else 1)


def _usual_ms(stamps: Sequence[int]) -> int:
    """Return the commonest step between stamps that a meter can have; half an hour if none."""
    ordered = sorted(set(stamps))
    steps = Counter(b - a for a, b in pairwise(ordered))
    known = [minutes * MINUTE_MS for minutes in STEPS_MIN if steps[minutes * MINUTE_MS]]
    return max(known, key=lambda step: (steps[step], -step), default=USUAL_MIN * MINUTE_MS)
