"""What differs between two reports, as records; pure, and in no language.

Takes two `report.json` and compares what a reader would: the figures, how well they are known,
and everything they were computed from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cobenefit_backend.versions.why import Step, steps

Record = Mapping[str, Any]
Series = tuple[str, str, str]
"""Site, device and channel."""
_FACTOR = ("value", "low", "high", "unit", "geography", "year", "source", "reference", "status")
_ENTRY = ("t", "kind", "site", "device", "channel", "start", "end", "why")
_SETTINGS = ("baseline", "reporting", "site", "devices", "placebo", "data_origin", "use_case")


@dataclass(frozen=True, slots=True)
class FactorChange:
    """A factor that is not what it was.

    Attributes
    ----------
    id : str
        The factor.
    old, new : mapping or None
        Its rows; None where it was not used.
    columns : tuple of str
        What differs.
    """

    id: str
    old: Record | None
    new: Record | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataChange:
    """A series that is not what it was.

    Attributes
    ----------
    series : tuple of str
        Site, device and channel.
    added, quarantined, lost : int
        Readings more than before. [1]
    corrected : bool
        Whether windows differ while their number is the same.
    """

    series: Series
    added: int
    quarantined: int
    lost: int
    corrected: bool


@dataclass(frozen=True, slots=True)
class StudyChange:
    """A study in two reports.

    Attributes
    ----------
    study : str
        Its id.
    old, new : mapping or None
        As the reports have it; None where it is not there.
    settings : tuple of str
        What of its definition differs.
    gates_added, gates_removed : tuple of str
        Codes of the reasons for caution that came and went.
    steps : tuple of Step or None
        What moved gross minus rebound; None where it can't be told input by input.
    footprint_kgco2e : float
        What its own footprint takes from the net more than before. [kgCO2e]
    inputs : tuple of str
        Kinds of input that differ: `method`, `code`, `settings`, `factors`, `data`,
        `corrections`, `activities`, `footprint`.
    """

    study: str
    old: Record | None
    new: Record | None
    settings: tuple[str, ...]
    gates_added: tuple[str, ...]
    gates_removed: tuple[str, ...]
    steps: tuple[Step, ...] | None
    footprint_kgco2e: float
    inputs: tuple[str, ...]

    @property
    def moved(self) -> bool:
        """Whether a reader sees another figure, class or caution."""
        if self.old is None or self.new is None:
            return True
        keys = ("net_kgco2e", "coverage_ratio", "evidence_class", "label")
        differs = any(self.old[key] != self.new[key] for key in keys)
        return bool(differs or self.gates_added or self.gates_removed or self.settings)


@dataclass(frozen=True, slots=True)
class CorrectionChange:
    """A line of the correction log that holds in one report and not in the other.

    Attributes
    ----------
    series : tuple of str
        Site, device and channel.
    held : bool
        Whether it holds in the newer one; else it was undone or put back.
    kind : str
        `import` or `exclude`.
    start, end, why : str
        The period, ISO 8601, and the reason or the file.
    """

    series: Series
    held: bool
    kind: str
    start: str
    end: str
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs.

    Attributes
    ----------
    studies : tuple of StudyChange
        Those that differ in anything, in the order of the newer report.
    unchanged : int
        Studies that say what they said. [1]
    factors : tuple of FactorChange
        By id.
    data : tuple of DataChange
        By series.
    corrections : tuple of CorrectionChange
        What was imported or left out between the two, and what was taken back; oldest first.
    made_from : mapping of str to tuple of str
        `method`, `code` and `factor_set`: what it was and what it is, where it differs.
    """

    studies: tuple[StudyChange, ...]
    unchanged: int
    factors: tuple[FactorChange, ...]
    data: tuple[DataChange, ...]
    corrections: tuple[CorrectionChange, ...]
    made_from: Mapping[str, tuple[str, str]]


def compare(old: Record, new: Record) -> Changes:
    """Compare two reports.

    Parameters
    ----------
    old, new : mapping
        Two `report.json`.

    Returns
    -------
    Changes
        What differs.
    """
    factors = tuple(_factors(old, new))
    data = tuple(_data(old, new))
    log = tuple(_corrections(old, new))
    made_from = _made_from(old, new)
    before, after = ({case["study"]: case for case in each["use_cases"]} for each in (old, new))
    names = [*after, *(name for name in before if name not in after)]
    found = [_study(before.get(n), after.get(n), factors, (data, log), made_from) for n in names]
    changed = tuple(each for each in found if each.moved)
    return Changes(changed, len(found) - len(changed), factors, data, log, made_from)


def _made_from(old: Record, new: Record) -> dict[str, tuple[str, str]]:
    was, now = old["generated_from"], new["generated_from"]
    pairs = {
        "method": (was.get("method_version", ""), now.get("method_version", "")),
        "code": (was["code_version"], now["code_version"]),
        "factor_set": (was["factor_set"]["version"], now["factor_set"]["version"]),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _factors(old: Record, new: Record) -> list[FactorChange]:
    before, after = ({row["id"]: row for row in each["factors"]} for each in (old, new))
    found = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        differ = tuple(key for key in _FACTOR if was and now and was[key] != now[key])
        if differ or was is None or now is None:
            found.append(FactorChange(name, was, now, differ))
    return found


def _data(old: Record, new: Record) -> list[DataChange]:
    before, after = (
        {(row["site"], row["device"], row["channel"]): row for row in each["data"]["series"]}
        for each in (old, new)
    )
    none: Record = {"stored": 0, "quarantined": {}, "lost": 0}
    found = []
    for key in sorted({*before, *after}):
        was, now = before.get(key, none), after.get(key, none)
        windows = was.get("windows"), now.get("windows")
        change = DataChange(
            key,
            now["stored"] - was["stored"],
            sum(now["quarantined"].values()) - sum(was["quarantined"].values()),
            now["lost"] - was["lost"],
            corrected=windows[0] == windows[1] and was.get("sha256") != now.get("sha256"),
        )
        if change.added or change.quarantined or change.lost or change.corrected:
            found.append(change)
    return found


def _corrections(old: Record, new: Record) -> list[CorrectionChange]:
    before, after = (
        {
            tuple(row.get(name, "") for name in _ENTRY)
            for row in each["data"].get("corrections", ())
        }
        for each in (old, new)
    )
    found = []
    for entry in sorted(before ^ after):
        _, kind, *series, start, end, why = entry
        site, device, channel = series
        held = entry in after
        found.append(CorrectionChange((site, device, channel), held, kind, start, end, why))
    return found


def _study(
    old: Record | None,
    new: Record | None,
    factors: tuple[FactorChange, ...],
    series: tuple[tuple[DataChange, ...], tuple[CorrectionChange, ...]],
    made_from: Mapping[str, tuple[str, str]],
) -> StudyChange:
    study = (new or old or {})["study"]
    if old is None or new is None:
        return StudyChange(study, old, new, (), (), (), None, 0.0, ())
    settings = tuple(key for key in _SETTINGS if old[key] != new[key])
    gates = [{row["code"] for row in each["disqualifications"]} for each in (old, new)]
    own = new["footprint_kgco2e"]["central"] - old["footprint_kgco2e"]["central"]
    used = {*old["factors"], *new["factors"]}
    hit = {
        "method": "method" in made_from,
        "code": "code" in made_from,
        "settings": bool(settings),
        "factors": any(each.id in used for each in factors),
        "data": any(_read_by(each.series, new) for each in series[0]),
        "corrections": any(_read_by(each.series, new) for each in series[1]),
        "activities": _activities(old) != _activities(new),
        "footprint": own != 0,
    }
    return StudyChange(
        study,
        old,
        new,
        settings,
        tuple(sorted(gates[1] - gates[0])),
        tuple(sorted(gates[0] - gates[1])),
        _steps(old, new, used),
        own,
        tuple(name for name, true in hit.items() if true),
    )


def _steps(old: Record, new: Record, used: set[str]) -> tuple[Step, ...] | None:
    if old["net_kgco2e"] is None or new["net_kgco2e"] is None:
        return None
    found = steps(old, new, used)
    return None if found is None else tuple(found)


def _read_by(series: Series, case: Record) -> bool:
    site, device, channel = series
    channels = case["details"].get("channels") or [channel]
    return site == case["site"] and device in case["devices"] and channel in channels


def _activities(case: Record) -> Any:
    return (case["details"].get("activities") or {}).get("sha256")


def to_json(changes: Changes) -> dict[str, Any]:
    """Return changes as plain data.

    Parameters
    ----------
    changes : Changes
        What differs.

    Returns
    -------
    dict
        `studies`, `unchanged`, `factors`, `data`, `corrections`, `made_from`.
    """
    plain = asdict(replace(changes, studies=()))
    return {**plain, "studies": [_told(each) for each in changes.studies]}


def _told(change: StudyChange) -> dict[str, Any]:
    kept = asdict(replace(change, old=None, new=None))
    keys = ("net_kgco2e", "footprint_kgco2e", "coverage_ratio", "evidence_class", "label")
    sides = {
        name: None if case is None else {key: case[key] for key in (*keys, *change.settings)}
        for name, case in (("old", change.old), ("new", change.new))
    }
    return {**kept, **sides}
