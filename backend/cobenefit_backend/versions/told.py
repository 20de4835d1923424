"""Changes between two versions in a reader's language: one sentence, then tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.versions.changes import (
    Changes,
    CorrectionChange,
    DataChange,
    FactorChange,
    StudyChange,
)

Cells = tuple[str, ...]
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StudyTold:
    """A study that changed, in words.

    Attributes
    ----------
    title, sentence : str
        Its name, and what happened to its net figure.
    rows : list of tuple of str
        Figure, before, after: only what differs.
    parts : list of tuple of str
        Input, before, after, part of the change; empty where it is not shared out.
    inputs : str
        What differs among its inputs.
    """

    title: str
    sentence: str
    rows: list[Cells]
    parts: list[Cells]
    inputs: str


def opening(changes: Changes, old: str, new: str, reader: Reader) -> str:
    """Return what differs, in one sentence.

    Parameters
    ----------
    changes : Changes
        What differs.
    old, new : str
        Number of the older version, and how the newer is called.
    reader : Reader
        For whom.

    Returns
    -------
    str
        The sentence; a second one where no figure moved.
    """
    words = reader.words
    names = {"old": old, "new": new}
    if not changes.studies:
        inputs = (changes.factors, changes.data, changes.corrections, changes.made_from)
        still = not any(inputs)
        more = words("changes_inputs_same" if still else "changes_inputs_moved")
        return f"{words('changes_none', **names)} {more}"
    count = len(changes.studies)
    key = "changes_one" if count == 1 else "changes_some"
    names |= {"count": str(count), "all": str(count + changes.unchanged)}
    moves = {each.study: net for each in changes.studies if (net := move_kgco2e(each))}
    if not moves:
        return words(f"{key}_same", **names)
    first = max(changes.studies, key=lambda each: abs(moves.get(each.study, 0.0)))
    change = _signed(moves[first.study], reader)
    return words(key, **names, title=title_of(first, reader), change=change)


def move_kgco2e(change: StudyChange) -> float:
    """Return by how much the central net figure of a study moved.

    Parameters
    ----------
    change : StudyChange
        The study.

    Returns
    -------
    float
        New less old; 0 where either report claims none. [kgCO2e]
    """
    if change.old is None or change.new is None:
        return 0.0
    nets = [each["net_kgco2e"] for each in (change.new, change.old)]
    return 0.0 if None in nets else float(nets[0]["central"] - nets[1]["central"])


def _signed(kgco2e: float, reader: Reader) -> str:
    written = reader.format.mass(kgco2e)
    return f"+{written}" if kgco2e > 0 else written


def title_of(change: StudyChange, reader: Reader) -> str:
    """Return the name of a study."""
    case = change.new or change.old or {}
    return str(case["titles"][reader.words.language])


def study(change: StudyChange, reader: Reader) -> StudyTold:
    """Return a study that changed, in words.

    Parameters
    ----------
    change : StudyChange
        The study.
    reader : Reader
        For whom.

    Returns
    -------
    StudyTold
        What the page shows.
    """
    named = [reader.words(f"among_{name}") for name in change.inputs]
    inputs = ", ".join(named) or reader.words("why_nothing")
    title = title_of(change, reader)
    return StudyTold(title, _sentence(change, reader), _rows(change, reader),
                     _parts(change, reader), inputs)  # fmt: skip


def _sentence(change: StudyChange, reader: Reader) -> str:
    words = reader.words
    if change.old is None:
        return words("change_added_study")
    if change.new is None:
        return words("change_removed_study")
    if change.new["net_kgco2e"] is None:
        return words("change_level" if change.old["net_kgco2e"] is None else "change_none_now")
    if change.old["net_kgco2e"] is None:
        return words("change_none_before")
    move = move_kgco2e(change)
    if move == 0:
        return words("change_level")
    return words("change_up" if move > 0 else "change_down", change=reader.format.mass(abs(move)))


def _rows(change: StudyChange, reader: Reader) -> list[Cells]:
    words, sides = reader.words, (change.old, change.new)
    written = {
        words("change_net"): [_bounds(each, "net_kgco2e", reader) for each in sides],
        words("change_footprint"): [_bounds(each, "footprint_kgco2e", reader) for each in sides],
        words("change_coverage"): [_coverage(each, reader) for each in sides],
        words("change_class"): [_evidence(each, reader) for each in sides],
    }
    for name in change.settings:
        label = words("change_setting", name=words(f"setting_{name}"))
        written[label] = [_setting(each, name, reader) for each in sides]
    rows = [(name, *both) for name, both in written.items() if both[0] != both[1]]
    gates = {"removed": change.gates_removed, "added": change.gates_added}
    if any(gates.values()):
        told = ["; ".join(_gate(code, change, reader) for code in gates[k]) or "–" for k in gates]
        rows.append((words("change_gates"), *told))
    return rows


def _gate(code: str, change: StudyChange, reader: Reader) -> str:
    rows = [row for each in (change.old, change.new) if each for row in each["disqualifications"]]
    text = next(row["text"] for row in rows if row["code"] == code)
    return reader.words.either(f"disqualification.{code}", text)


def _bounds(case: Record | None, key: str, reader: Reader) -> str:
    if case is None or case[key] is None:
        return reader.words("change_not_claimed") if case else "–"
    low, central, high = (case[key][name] for name in ("low", "central", "high"))
    unit, form = mass_unit(low, high), reader.format
    scale = 1000.0 if unit == "tCO2e" else 1.0
    ends = " – ".join(form.precise(end / scale) for end in (low, high))
    return f"{form.precise(central / scale)} ({ends})\u00a0{unit}"


def _coverage(case: Record | None, reader: Reader) -> str:
    return reader.format.percent(case["coverage_ratio"]) if case else "–"


def _evidence(case: Record | None, reader: Reader) -> str:
    if case is None:
        return "–"
    words = reader.words
    label = words.either(f"label.{case['label']}", case["label"])
    return ", ".join(dict.fromkeys((words(f"class_{case['evidence_class']}"), label)))


def _setting(case: Record | None, name: str, reader: Reader) -> str:
    value = case[name] if case else None
    if value and name in ("baseline", "reporting"):
        return f"{reader.format.day(value[0])} – {reader.format.last_day(value[1])}"
    match value:
        case bool():
            return reader.words("yes" if value else "no")
        case list():
            return ", ".join(map(str, value))
    return "–" if value is None else str(value)


def _parts(change: StudyChange, reader: Reader) -> list[Cells]:
    form = reader.format
    if change.steps is None or change.old is None or change.new is None:
        return []
    rows: list[Cells] = []
    for step in change.steps:
        part = _signed(step.change_kgco2e, reader)
        name = reader.words.either(f"input_{step.name}", step.name)
        rows.append((name, form.precise(step.old), form.precise(step.new), part))
    if change.footprint_kgco2e:
        own = [form.mass(each["footprint_kgco2e"]["central"]) for each in (change.old, change.new)]
        name = reader.words("why_footprint")
        rows.append((name, own[0], own[1], _signed(-change.footprint_kgco2e, reader)))
    return rows


def factors(changes: Changes, reader: Reader) -> list[Cells]:
    """Return factor, before and after of the factors that changed."""
    return [
        (each.id, *(_factor(row, each, reader) for row in (each.old, each.new)))
        for each in changes.factors
    ]


def _factor(row: Record | None, change: FactorChange, reader: Reader) -> str:
    if row is None:
        return reader.words("change_unused")
    form = reader.format
    value = (
        f"{form.exact(row['value'])} ({form.precise(row['low'])} – {form.precise(row['high'])})"
    )
    more = {"source", "reference", "year", "geography", "status"} & set(change.columns)
    told = f"{row['source']}, {row['reference']}, {row['geography']}, {row['year']}"
    return f"{value} {row['unit']}" + (
        f"; {told}" if more or None in (change.old, change.new) else ""
    )


def data(changes: Changes, reader: Reader) -> list[Cells]:
    """Return series, readings, quarantine, loss and correction of the series that changed."""
    return [_series(each, reader) for each in changes.data]


def _series(change: DataChange, reader: Reader) -> Cells:
    name = " / ".join(part for part in change.series if part) or "–"
    counts = (change.added, change.quarantined, change.lost)
    form = reader.format
    written = (f"+{form.exact(n)}" if n > 0 else form.exact(n) for n in counts)
    return (name, *written, reader.words("yes" if change.corrected else "no"))


def corrections(changes: Changes, reader: Reader) -> list[Cells]:
    """Return what was done, series, period, reason and whether it holds, of the correction log."""
    return [_correction(each, reader) for each in changes.corrections]


def _correction(change: CorrectionChange, reader: Reader) -> Cells:
    words, form = reader.words, reader.format
    period = " – ".join(form.day(text[:10]) for text in (change.start, change.end))
    held = words("change_entry_new" if change.held else "change_entry_gone")
    what = words(f"correction.{change.kind}")
    return (what, "/".join(change.series), period, change.why or "–", held)


def made_from(changes: Changes, reader: Reader) -> list[str]:
    """Return a sentence on each of method, software and factor set that changed."""
    words = reader.words
    unknown = words("unknown_version")
    return [
        words("changes_made_row", name=words(f"made_{name}"), old=a or unknown, new=b or unknown)
        for name, (a, b) in changes.made_from.items()
    ]
