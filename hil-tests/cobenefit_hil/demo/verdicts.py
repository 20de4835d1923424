"""What the demo must show: the truth it was given, found; nothing found where nothing was done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRUTH_STUDY, TRUTH_RATIO = "meter-truth", 0.10
PLACEBO_STUDY = "house-placebo"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence, and whether it is good news."""

    text: str
    good: bool


def verdicts(report: Mapping[str, Any]) -> list[Verdict]:
    """Judge a report of the demo by what is known of its data.

    Parameters
    ----------
    report : mapping
        The demo's `report.json`.

    Returns
    -------
    list of Verdict
        One for the written truth, one for the placebo dates.
    """
    cases = {case["study"]: case for case in report["use_cases"]}
    return [_truth(cases[TRUTH_STUDY]), _placebo(cases[PLACEBO_STUDY])]


def _truth(case: Mapping[str, Any]) -> Verdict:
    ratio, fsu = case["details"]["savings_ratio"], case["details"]["fsu_90"]
    low, high = ratio * (1 - fsu), ratio * (1 + fsu)
    found = low > 0 and low <= TRUTH_RATIO <= high
    return Verdict(
        f"Simulated meter: saved {ratio:.1%}, 90 % interval {low:.1%} to {high:.1%}; the written "
        f"truth of {TRUTH_RATIO:.0%} is {'inside, zero is outside' if found else 'not found'}.",
        found,
    )


def _placebo(case: Mapping[str, Any]) -> Verdict:
    summary = case["details"]["placebo"]["summary"]
    net = case["net_kgco2e"]
    silent = summary["significant"] == 0 and net["low"] < 0 < net["high"]
    return Verdict(
        f"Real house, where nothing was done: {summary['significant']} of {summary['dates']} "
        f"candidate dates look like an effect; "
        f"{'not distinguishable from zero' if silent else 'an effect is claimed'}.",
        silent and summary["dates"] > 0,
    )
