"""The study document: which measured series answer which question (contracts, section 4).

`parse` checks the whole document and names the first key that does not hold; it reads no
database and no factor.

>>> parse(b'{"tenant": "demo"}')  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
cobenefit_backend.errors.InputError: names: ...
"""

from datetime import date
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from cobenefit_backend import accuracy
from cobenefit_backend.bodies import AnyChannel, Name
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.soil import Fertiliser
from cobenefit_backend.study_events import EventEntry, event_problems
from cobenefit_wire.units import quantity_of

Years = Annotated[float, Meta(gt=0, le=50)]
Share = Annotated[float, Meta(gt=0, le=1)]
Speed = Annotated[float, Meta(gt=0, le=130)]
Positive = Annotated[float, Meta(gt=0, le=1e6)]
Kilometres = Annotated[float, Meta(gt=0, le=1000)]
VEHICLE_CLASSES = get_args(VehicleClass)
Divisor = Annotated[int, Meta(ge=1, le=1_000_000)]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """A name in the two languages."""

    en: str
    fr: str


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """A place with its time zone and weather station."""

    id: Name
    timezone: str
    station: str = ""


class DeviceEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A node, what it is made of and how long it serves.

    `accuracy` names the class of its meter or detector in `accuracy.toml`.
    """

    id: Name
    site: Name
    board: str
    lifetime_years: Years
    shared_by: Divisor = 1
    accelerated: bool = False
    accuracy: str = ""


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway and the number of nodes that share it.

    `backend_devices` is the number of nodes that share a server of the backend's own; 0 means
    that the backend runs on the gateway's machine, which is counted already.
    """

    board: str
    lifetime_years: Years
    devices: Divisor
    backend_devices: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Study(Struct, frozen=True, forbid_unknown_fields=True):
    """One question asked of measured series.

    `length_km`, `classes` and the speeds belong to `traffic`; `area_ha`, `fertiliser`,
    `climate` and the arms to `soil`.
    """

    id: Name
    use_case: Literal["smart_meter", "soil", "traffic"]
    data_origin: Literal["measured", "modelled", "synthetic"]
    site: Name
    devices: Annotated[list[Name], Meta(min_length=1)]
    baseline: tuple[str, str]
    reporting: tuple[str, str]
    channel: AnyChannel = ""
    names: Names | None = None
    fuel: Literal["electricity", "gas"] = "electricity"
    model: Literal["daily", "split", "hourly"] = "daily"
    event: list[EventEntry] = field(default_factory=list)
    previous_accuracy: str = ""
    placebo: bool = False
    attribution: str = ""
    length_km: Kilometres = 1.0
    classes: dict[str, Share] = field(default_factory=dict)
    speed_before_km_h: Speed | None = None
    speed_after_km_h: Speed | None = None
    speed_note: str = ""
    area_ha: Positive | None = None
    fertiliser: Fertiliser = "unknown"
    climate: Literal["wet", "dry", "aggregated"] = "wet"
    control_arm: str = "practice"
    action_arm: str = "advised"

    @property
    def periods(self) -> tuple[date, date, date, date]:
        """Baseline start and end, reporting start and end; ends exclusive."""
        days = [date.fromisoformat(text) for text in (*self.baseline, *self.reporting)]
        return days[0], days[1], days[2], days[3]


class OverlapEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Studies that would claim the same effect, and the one that keeps it."""

    studies: Annotated[list[Name], Meta(min_length=2)]
    keep: Name
    reason: str


class StudyDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a tenant's report needs beside the series."""

    tenant: Name
    names: Names
    site: list[Site]
    device: list[DeviceEntry]
    gateway: Gateway
    study: list[Study]
    overlap: list[OverlapEntry] = field(default_factory=list)

    def site_of(self, study: Study) -> Site:
        """Return the site of a study."""
        return next(site for site in self.site if site.id == study.site)

    def devices_of(self, study: Study) -> list[DeviceEntry]:
        """Return the devices of a study."""
        return [d for d in self.device if d.site == study.site and d.id in study.devices]


def parse(data: bytes | dict[str, Any], file: str = "") -> StudyDocument:
    """Return the document, checked in full.

    Parameters
    ----------
    data : bytes or dict
        JSON bytes, or the tables of a TOML file.
    file : str, optional
        Name to put into error messages.

    Returns
    -------
    StudyDocument
        The document.

    Raises
    ------
    InputError
        Naming file, key and what is allowed.
    """
    try:
        if isinstance(data, bytes):
            document = msgspec.json.decode(data, type=StudyDocument)
        else:
            document = msgspec.convert(data, StudyDocument)
    except msgspec.DecodeError as error:
        raise InputError(str(error), file=file) from error
    for where, problem in _problems(document):
        raise InputError(problem, file=file, where=where)
    return document


def _problems(document: StudyDocument) -> list[tuple[str, str]]:
    found = []
    sites = {site.id for site in document.site}
    devices = {(device.site, device.id) for device in document.device}
    for site in document.site:
        try:
            ZoneInfo(site.timezone)
        except (KeyError, ValueError):
            found.append((f"site {site.id}.timezone", f"unknown time zone {site.timezone!r}"))
    found += [
        (f"device {device.id}.site", f"no site {device.site!r}; add it as [[site]]")
        for device in document.device
        if device.site not in sites
    ]
    found += [
        (f"device {device.id}.accuracy", problem)
        for device in document.device
        if (problem := _class_problem(device.accuracy))
    ]
    names = [study.id for study in document.study]
    found += [(f"study {name}.id", "given twice") for name in names if names.count(name) > 1]
    for entry in document.overlap:
        found += [
            ("overlap.studies", f"no study {name!r}")
            for name in entry.studies
            if name not in names
        ]
        if entry.keep not in entry.studies:
            found.append(("overlap.keep", f"{entry.keep!r} is none of {entry.studies}"))
    for study in document.study:
        where = f"study {study.id}"
        if study.site not in sites:
            found.append((f"{where}.site", f"no site {study.site!r}; add it as [[site]]"))
        found += [
            (f"{where}.devices", f"no device {name!r} at site {study.site!r}")
            for name in study.devices
            if (study.site, name) not in devices
        ]
        found += [(f"{where}.{key}", text) for key, text in _study_problems(study)]
    return found


def _study_problems(study: Study) -> list[tuple[str, str]]:
    try:
        start, end, reporting_start, reporting_end = study.periods
    except ValueError as error:
        return [("baseline, reporting", f"dates are written YYYY-MM-DD: {error}")]
    found = []
    if not start < end <= reporting_start < reporting_end:
        found.append(("reporting", "must start after the baseline ends; ends are exclusive"))
    found += event_problems(study.event, study.periods, study.devices)
    if problem := _class_problem(study.previous_accuracy):
        found.append(("previous_accuracy", problem))
    if study.use_case in ("smart_meter", "traffic") and not study.channel:
        found.append(("channel", f"needed for {study.use_case}"))
    if study.use_case == "traffic":
        counted = quantity_of(study.channel) == "vehicle_count"
        if counted and (study.speed_before_km_h is None or study.speed_after_km_h is None):
            found.append(("speed_before_km_h, speed_after_km_h", "a counter has no speeds"))
        if abs(sum(study.classes.values()) - 1) > 1e-6:
            found.append(("classes", "shares of the vehicle classes must add up to 1"))
        if wrong := sorted(set(study.classes) - set(VEHICLE_CLASSES)):
            found.append(("classes", f"unknown {wrong}, allowed: {', '.join(VEHICLE_CLASSES)}"))
    if study.use_case == "soil" and study.area_ha is None:
        found.append(("area_ha", "needed for soil: the area the advice was applied to"))
    return found


def _class_problem(name: str) -> str:
    if not name or name in accuracy.load():
        return ""
    return f"unknown class {name!r}, allowed: {', '.join(accuracy.load())}"
