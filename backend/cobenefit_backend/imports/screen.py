"""Which lines of a file can be trusted; each that can't has a reason.

Pure. What is kept does not depend on the order of the lines: of lines that are the same one is
kept, of lines that contradict each other none.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from cobenefit_backend.imports.days import Days
from cobenefit_backend.imports.records import HOUR_MS, Draft, Refusal, Sample
from cobenefit_backend.imports.scale import scaled
from cobenefit_wire import units
from cobenefit_wire.units import Quantity

ABSURD_W = 10e6
"""Mean power above which an energy is a mistake of unit: ours, far above any building. [W]"""
Judged = tuple[Draft, Sample]
REASONS = (
    "import_unreadable", "import_not_finite", "import_negative", "import_absurd",
    "import_backward", "import_future", "import_midnight", "import_duplicate", "import_overlap",
    "import_other_series",
)  # fmt: skip


def screen(
    drafts: Iterable[Draft], quantity: Quantity, timezone: str, now_ms: int
) -> tuple[list[Sample], list[Refusal]]:
    """Return what can be stored, in order of time, and what can't.

    Parameters
    ----------
    drafts : iterable of Draft
        From a reader, in any order.
    quantity : Quantity
        What the channel measures.
    timezone : str
        Of the site; a sample must lie inside one of its days.
    now_ms : int
        Nothing is measured later. [ms]

    Returns
    -------
    tuple of list
        Samples, and refusals in the order of the lines.
    """
    days, kept, refused = Days(timezone), [], []
    for draft in drafts:
        if draft.end_ms < draft.start_ms:
            refused.append(Refusal(draft.number, "import_backward", "it ends before it starts"))
            continue
        sample = Sample(draft.start_ms, draft.end_ms, scaled(draft, quantity))
        fault = _fault(sample, quantity, days, now_ms)
        if fault:
            refused.append(Refusal(draft.number, *fault))
        else:
            kept.append((draft, sample))
    kept.sort(key=lambda each: (each[1], each[0].number))
    for step in (_apart, _rising if quantity.kind == units.COUNTER else _all):
        kept = list(step(kept, refused.append))
    return [sample for _, sample in kept], sorted(refused)


def _fault(sample: Sample, quantity: Quantity, days: Days, now_ms: int) -> tuple[str, str] | None:
    if sample.start_ms < 0:
        return "import_backward", "it starts before 1970"
    if sample.end_ms > now_ms:
        return "import_future", f"{_iso(sample.end_ms)} is still to come"
    if sample.end_ms > days.end_ms(sample.start_ms):
        return "import_midnight", "it reaches over a midnight of the site: no day can have it"
    return _odd(sample, quantity)


def _odd(sample: Sample, quantity: Quantity) -> tuple[str, str] | None:
    value, span_ms = sample.value, sample.end_ms - sample.start_ms
    if not math.isfinite(value):
        return "import_not_finite", f"{value} is no number"
    if value < 0 and quantity.low >= 0:
        return "import_negative", f"{value:g} {quantity.unit} is negative"
    spans = span_ms and quantity.unit == "Wh"
    high = ABSURD_W * span_ms / HOUR_MS if spans else quantity.high
    if not quantity.low <= value <= high:
        return "import_absurd", f"{value:g} {quantity.unit} is outside {quantity.low} to {high:g}"
    return None


def _apart(kept: list[Judged], refuse: Callable[[Refusal], None]) -> Iterator[Judged]:
    """Give samples that stand apart; of those that overlap none, of the same the first."""
    group: list[Judged] = []
    end_ms = -1
    for each in kept:
        sample = each[1]
        if group and (sample.start_ms < end_ms or sample.start_ms == group[0][1].start_ms):
            group.append(each)
            end_ms = max(end_ms, sample.end_ms)
            continue
        yield from _one_of(group, refuse)
        group, end_ms = [each], sample.end_ms
    yield from _one_of(group, refuse)


def _one_of(group: list[Judged], refuse: Callable[[Refusal], None]) -> Iterator[Judged]:
    if len({sample for _, sample in group}) > 1:
        for draft, _ in group:
            other = next(d.number for d, _ in group if d is not draft)
            refuse(Refusal(draft.number, "import_overlap", f"contradicts line {other}"))
        return
    yield from group[:1]
    for draft, _ in group[1:]:
        text = f"the same as line {group[0][0].number}"
        refuse(Refusal(draft.number, "import_duplicate", text))


def _rising(kept: list[Judged], refuse: Callable[[Refusal], None]) -> Iterator[Judged]:
    """Give the indexes of a counter that rise; a lower one counts once the next confirms it.

    The rule is the gateway's (docs/reference/quantities.md, `counter_went_back`), so that a file
    and a node that read the same meter are judged alike.
    """
    last, suspect = -math.inf, math.inf
    for each in kept:
        draft, sample = each
        if sample.end_ms == sample.start_ms:
            if sample.value < last and not sample.value >= suspect:
                suspect = sample.value
                text = f"{sample.value:g} is below {last:g} before it"
                refuse(Refusal(draft.number, "import_backward", text))
                continue
            last, suspect = sample.value, math.inf
        yield each


def _all(kept: list[Judged], _refuse: Callable[[Refusal], None]) -> Iterator[Judged]:
    yield from kept


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(timespec="minutes")
