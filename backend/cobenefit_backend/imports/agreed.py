"""Lines of a file that a household agreed to: what an import keeps follows the same consent."""

from collections.abc import Sequence
from typing import Any

from cobenefit_backend.consents import Purpose, Register
from cobenefit_backend.imports.records import Draft, Refusal, Sample, Target

REASON = "import_no_consent"


def told_s(ordered: Sequence[Draft] | Sequence[Sample]) -> list[int]:
    """Return about how short a time each value tells something.

    Parameters
    ----------
    ordered : sequence of Draft or of Sample
        In order of time.

    Returns
    -------
    list of int
        The length of what spans time; of an instant, the time since the value before it. [s]
    """
    found, before_ms = [], 0
    for each in ordered:
        since_ms = each.start_ms if each.end_ms > each.start_ms else before_ms
        found.append(max(each.end_ms - since_ms, 0) // 1000)
        before_ms = each.end_ms
    return found


def agreed(
    drafts: Sequence[Draft], register: Register, target: Target
) -> tuple[list[Draft], list[Refusal]]:
    """Return the lines that may be kept, and those that may not.

    Parameters
    ----------
    drafts : sequence of Draft
        From a reader, in any order.
    register : Register
        What the households of the tenant agree to.
    target : Target
        The series.

    Returns
    -------
    tuple of list
        Lines as coarse as agreed and from after an erasure, and the rest. An instant tells as
        much as the time to the one before it.
    """
    kept, refused = [], []
    ordered = sorted(drafts, key=lambda each: (each.start_ms, each.number))
    for draft, length_s in zip(ordered, told_s(ordered), strict=True):
        if register.takes(target.site, target.device, draft.start_ms, length_s):
            kept.append(draft)
        else:
            text = "finer than the household agreed to, or from before an erasure"
            refused.append(Refusal(draft.number, REASON, text))
    return kept, refused


def readable(batch: dict[str, Any], register: Register) -> dict[str, Any]:
    """Return an import as it is listed: of a household no value that its consent does not show.

    Parameters
    ----------
    batch : dict
        With `site`, `device`, `summary` and `refused`.
    register : Register
        What the households of the tenant agree to.

    Returns
    -------
    dict
        The same for a meter of no household. Else `first` and `last` are there where `savings`
        covers them, as in every page; an instant never, and no text of a refused line, which may
        say a value.
    """
    meter = batch["site"], batch["device"]
    if meter not in register.households:
        return batch
    may = register.may(*meter, Purpose.SAVINGS)
    summary = dict(batch["summary"])
    for name in ("first", "last"):
        value = summary[name]
        if value is not None:
            length_s = (value["end_ms"] - value["start_ms"]) // 1000
            seen = register.shows(*meter, (Purpose.SAVINGS,), value["start_ms"], length_s)
            summary[name] = value if may and seen else None
    return {**batch, "summary": summary, "refused": {**batch["refused"], "lines": []}}
