"""Activities: what people did, by hand, with a date, a place, an author and evidence.

Which quantities a use case knows, their units and what an amount may be. The HTTP route and the
CSV import check every row here and say all that is wrong, row by row; nothing is stored until
every row holds.

>>> problems({"use_case": "soil", "quantity": "nitrogen", "unit": "kg", "amount": 50.0})
["unit 'kg': nitrogen is in kg/ha"]
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from cobenefit_backend.bodies import ActivityBody, ActivityRow
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.remote_health import MODES

COLUMNS = ActivityRow.__struct_fields__
MAX_ERRORS = 20
TEXTS = ("place", "evidence", "author")


@dataclass(frozen=True, slots=True)
class Known:
    """A quantity an activity may state.

    Attributes
    ----------
    unit : str
        Its only unit; empty where any will do.
    high : float
        Largest amount. [unit]
    arms : tuple of str
        Arms allowed; empty where any will do.
    meaning : str
        What one row says.
    """

    unit: str
    high: float
    arms: tuple[str, ...]
    meaning: str


KNOWN: Mapping[str, Mapping[str, Known]] = {
    "soil": {
        "nitrogen": Known("kg/ha", 1000, (), "nitrogen applied to a strip"),
        "yield": Known("t/ha", 200, (), "harvest of a strip"),
    },
    "remote_health": {
        "consultation": Known("km", 2000, ("", *MODES), "one consultation: one-way distance"),
        "follow_up": Known("1", 1e6, (), "patients who came all the same afterwards"),
        "asked": Known("1", 1e6, (), "patients asked what they would have done"),
        "would_not_have_come": Known("1", 1e6, (), "of these, who would not have come"),
    },
    "remote_assistance": {
        "case": Known("1", 1e6, ("resolved", "visited_later", "not_looked_up"), "cases treated"),
        "visit": Known("km", 2000, (), "a visit that was driven: its marginal kilometres"),
    },
    "industry": {"output": Known("", 1e12, (), "made on that day, one product per arm")},
    "surveillance": {"detection": Known("h", 1e5, (), "from an event to somebody knowing")},
    "climate_event": {
        "warning": Known("h", 1e4, ("hit", "false_alarm"), "a warning: lead time of a hit, or 0"),
        "missed_event": Known("1", 1e6, (), "events nobody was warned of"),
        "forecast": Known("1", 1, ("came", "did_not_come"), "probability that was forecast"),
        "people_warned": Known("1", 1e9, (), "people reached by warnings that were hits"),
    },
    "maintenance": {
        "visit_distance": Known("km", 1e4, (), "what was driven to a node and back"),
        "index_before": Known("", 1e15, (), "last index of what was exchanged"),
        "index_after": Known("", 1e15, (), "first index of what replaced it"),
    },
}


def problems(row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an activity whose fields have the right types.

    Parameters
    ----------
    row : mapping
        Fields of `ActivityRow`; a field left out is not checked.

    Returns
    -------
    list of str
        One sentence each; a use case or a quantity that nobody reads is wrong too.
    """
    quantities = KNOWN.get(row["use_case"])
    if quantities is None:
        return [f"use_case {row['use_case']!r}: use {', '.join(KNOWN)}"]
    known = quantities.get(row["quantity"])
    if known is None:
        return [f"quantity {row['quantity']!r}: {row['use_case']} has {', '.join(quantities)}"]
    found = []
    if known.unit and row["unit"] != known.unit:
        found.append(f"unit {row['unit']!r}: {row['quantity']} is in {known.unit}")
    if not 0 <= row["amount"] <= known.high:
        found.append(f"amount {row['amount']:g}: 0 to {known.high:g} {row['unit']}")
    if known.arms and row.get("arm", "") not in known.arms:
        allowed = ", ".join(repr(arm) for arm in known.arms)
        found.append(f"arm {row.get('arm', '')!r}: one of {allowed}")
    found += [f"{name} is empty" for name in TEXTS if not row.get(name, "-").strip()]
    return [*found, *_date_problems(row.get("date"))]


def _date_problems(text: str | None) -> list[str]:
    try:
        date.fromisoformat(text or "2000-01-01")
    except ValueError:
        return [f"date {text!r}: no such day, write YYYY-MM-DD"]
    return []


def check(rows: Sequence[ActivityRow]) -> list[str]:
    """Return what is wrong with activities, each sentence with its row counted from 1.

    Parameters
    ----------
    rows : sequence of ActivityRow
        Decoded rows.

    Returns
    -------
    list of str
        Empty when all hold; an id given twice is wrong, for the second would replace the first.
    """
    found, seen = [], set()
    for number, row in enumerate(rows, 1):
        texts = problems(msgspec.structs.asdict(row))
        if row.id in seen:
            texts.append(f"id {row.id!r} is given twice")
        seen.add(row.id)
        found += [f"row {number}: {text}" for text in texts]
    return found


def read_csv(file: Path, tenant: str) -> ActivityBody:
    """Return the activities of a CSV file.

    Parameters
    ----------
    file : Path
        UTF-8, comma separated, with the columns of `COLUMNS` in any order.
    tenant : str
        Whose they are.

    Returns
    -------
    ActivityBody
        Every row.

    Raises
    ------
    InputError
        Naming the file, and every wrong row (at most twenty) by its line.
    """
    rows, found, lines = [], [], []
    for line, fields in _lines(file):
        try:
            row = msgspec.convert(fields, ActivityRow, strict=False)
        except msgspec.ValidationError as error:
            found.append(f"line {line}: {error}")
            continue
        rows.append(row)
        lines.append(line)
    for text in check(rows):
        number, _, rest = text.removeprefix("row ").partition(":")
        found.append(f"line {lines[int(number) - 1]}:{rest}")
    if found:
        more = len(found) - MAX_ERRORS
        listed = "\n  ".join([*found[:MAX_ERRORS], *([f"and {more} more"] if more > 0 else [])])
        raise InputError(f"nothing is stored, {len(found)} faults:\n  {listed}", file=file.name)
    return ActivityBody(tenant=tenant, rows=rows)


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = reader.fieldnames or ()
        if set(names) != set(COLUMNS):
            text = f"columns must be {','.join(COLUMNS)}"
            raise InputError(text, file=file.name, where="line 1")
        for fields in reader:
            if None in fields or None in fields.values():
                text = f"a row has {len(COLUMNS)} cells"
                raise InputError(text, file=file.name, where=f"line {reader.line_num}")
            yield reader.line_num, fields
