"""The study document: which measured series answer which question (contracts, section 4).

`parse` checks the whole document and names the first key that does not hold; it reads no
database and no factor.

>>> parse(b'{"tenant": "demo"}')  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
cobenefit_backend.errors.InputError: names: ...
"""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from cobenefit_backend.bodies import Name
from cobenefit_backend.errors import InputError
from cobenefit_backend.study_buildings import Building, building_problems
from cobenefit_backend.study_events import class_problem
from cobenefit_backend.study_kinds import AnyStudy, Names, Study

Years = Annotated[float, Meta(gt=0, le=50)]
Divisor = Annotated[int, Meta(ge=1, le=1_000_000)]
Household = Annotated[str, Meta(pattern="^[a-z0-9-]{0,32}$")]


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """A place with its time zone and weather station.

    For the map: the INSEE code of its commune, or where it is in degrees (WGS 84), both or none.
    """

    id: Name
    timezone: str
    station: str = ""
    station_km: Annotated[float, Meta(ge=0, le=1000)] | None = None
    insee: Annotated[str, Meta(pattern=r"^([0-9][0-9AB][0-9]{3})?$")] = ""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    building: list[Building] = field(default_factory=list)

    @property
    def position(self) -> tuple[float, float] | None:
        """Longitude and latitude, None where they are not known [degree]."""
        if self.longitude is None or self.latitude is None:
            return None
        return self.longitude, self.latitude


class DeviceEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A node, what it is made of and how long it serves.

    `accuracy` names the class of its meter or detector in `accuracy.toml`, `household` the home
    it measures: such a device is read only as far as consent goes. Empty: nobody's home.
    """

    id: Name
    site: Name
    board: str
    lifetime_years: Years
    shared_by: Divisor = 1
    accelerated: bool = False
    accuracy: str = ""
    household: Household = ""


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway and the number of nodes that share it.

    `backend_devices` is the number of nodes that share a server of the backend's own; 0 means
    that the backend runs on the gateway's machine, which is counted already.
    """

    board: str
    lifetime_years: Years
    devices: Divisor
    backend_devices: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class OverlapEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Studies that would claim the same effect, and the one that keeps it."""

    studies: Annotated[list[Name], Meta(min_length=2)]
    keep: Name
    reason: str


class StudyDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a tenant's report needs beside the series.

    `territory` names the one whose targets stand beside the figures (`territories.csv`).
    """

    tenant: Name
    names: Names
    site: list[Site]
    device: list[DeviceEntry]
    gateway: Gateway
    study: list[AnyStudy]
    overlap: list[OverlapEntry] = field(default_factory=list)
    territory: str = ""

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
    devices = {(device.site, device.id): device.household for device in document.device}
    for site in document.site:
        try:
            ZoneInfo(site.timezone)
        except (KeyError, ValueError):
            found.append((f"site {site.id}.timezone", f"unknown time zone {site.timezone!r}"))
        if (site.longitude is None) != (site.latitude is None):
            found.append((f"site {site.id}", "give longitude and latitude, or neither"))
        found += building_problems(site.id, site.building, devices)
    found += [
        (f"device {device.id}.site", f"no site {device.site!r}; add it as [[site]]")
        for device in document.device
        if device.site not in sites
    ]
    found += [
        (f"device {device.id}.accuracy", problem)
        for device in document.device
        if (problem := class_problem(device.accuracy))
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
    return [*found, *study.problems()]
