"""The measurement and verification plan: what was decided before the results were known.

Everything of a study that could be chosen to suit the result: periods, channel, devices, model
settings, arms. Locking keeps a copy with its hash and the day; a report then shows each departure.

>>> departures({"channel": "a"}, {"channel": "b"})
('channel',)
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.study_kinds import Study

_NOT_PLANNED = frozenset(("id", "names", "attribution", "speed_note"))


def plan_of(study: Study) -> dict[str, Any]:
    """Return what of a study belongs to its plan, as plain data."""
    document: dict[str, Any] = json.loads(msgspec.json.encode(study))
    return {key: value for key, value in document.items() if key not in _NOT_PLANNED}


def digest(plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a plan, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def departures(
    locked: Mapping[str, Any],
    present: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Return the keys in which a study departs from its locked plan, sorted.

    A key that did not exist when the plan was locked is held against its default.
    """
    plan = {**(defaults or {}), **locked}
    return tuple(sorted(key for key in present if plan.get(key) != present[key]))


def _defaults(study: Study) -> dict[str, Any]:
    """Return the plan of the same study with nothing but what must be given."""
    fields = msgspec.structs.fields(study)
    return plan_of(type(study)(**{f.name: getattr(study, f.name) for f in fields if f.required}))


def records(study: Study, lock: Mapping[str, Any] | None) -> tuple[Disqualification, ...]:
    """Say whether a study follows a plan that was locked in time.

    Parameters
    ----------
    study : Study
        The study as it is evaluated.
    lock : mapping or None
        `locked_on` (ISO date), `plan` and `sha256`, or None when none was locked.

    Returns
    -------
    tuple of Disqualification
        `no_plan`, `plan_late`, `plan_departure`, or nothing.
    """
    if lock is None:
        text = "No plan was locked before the results were known."
        return (Disqualification("no_plan", text),)
    found = []
    _, _, start, _ = study.periods
    if date.fromisoformat(lock["locked_on"]) > start:
        text = "The plan was locked after the reporting period had begun."
        found.append(Disqualification("plan_late", text, {"locked_on": lock["locked_on"]}))
    changed = departures(lock["plan"], plan_of(study), _defaults(study))
    if changed:
        text = "The study departs from its locked plan."
        found.append(Disqualification("plan_departure", text, {"keys": ", ".join(changed)}))
    return tuple(found)
