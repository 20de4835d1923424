"""The question of each use case: one record per use case, with the keys it alone knows.

`use_case` chooses the record; a key of another use case is refused. `problems` says what a schema
cannot.
"""

from datetime import date
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from cobenefit_backend.bodies import AnyChannel, Name
from cobenefit_backend.documents.base import IntervalDocument, interval
from cobenefit_backend.documents.surveillance import ReleaseDocument
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.remote_health import Mode
from cobenefit_backend.estimate.soil import Fertiliser
from cobenefit_backend.study_events import EventEntry, class_problem, event_problems
from cobenefit_wire.units import quantity_of

Share = Annotated[float, Meta(ge=0, le=1)]
Speed = Annotated[float, Meta(gt=0, le=130)]
Positive = Annotated[float, Meta(gt=0, le=1e6)]
Kilometres = Annotated[float, Meta(gt=0, le=1000)]
Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]
VEHICLE_CLASSES = get_args(VehicleClass)
Problems = list[tuple[str, str]]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """A name in the two languages."""

    en: str
    fr: str


class Study(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="use_case"):
    """What every study says: which devices, which periods, where the data come from.

    `placebo` marks a test of the method: nothing was done at the date.
    """

    id: Name
    data_origin: Literal["measured", "modelled", "synthetic"]
    site: Name
    devices: Annotated[list[Name], Meta(min_length=1)]
    baseline: tuple[str, str]
    reporting: tuple[str, str]
    names: Names | None = None
    channel: AnyChannel = ""
    placebo: bool = False
    attribution: str = ""

    @property
    def use_case(self) -> str:
        """Design id of the use case."""
        return str(self.__struct_config__.tag)

    @property
    def periods(self) -> tuple[date, date, date, date]:
        """Baseline start and end, reporting start and end; ends exclusive."""
        days = [date.fromisoformat(text) for text in (*self.baseline, *self.reporting)]
        return days[0], days[1], days[2], days[3]

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels the study reads."""
        return (self.channel,) if self.channel else ()

    @property
    def reads_hours(self) -> bool:
        """Whether windows of an hour or less are read where a site gives them."""
        return False

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        return []

    def _needs_channel(self) -> Problems:
        return [] if self.channel else [("channel", f"needed for {self.use_case}")]


class SmartMeterStudy(Study, frozen=True, tag="smart_meter"):
    """Meters before and after a measure.

    `previous_accuracy` is the class of the meter read in the baseline, where it is another one.
    """

    fuel: Literal["electricity", "gas"] = "electricity"
    model: Literal["daily", "split", "hourly"] = "daily"
    event: list[EventEntry] = field(default_factory=list)
    previous_accuracy: str = ""

    @property
    def reads_hours(self) -> bool:
        """Whether the hourly model is asked for."""
        return self.model == "hourly"

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        found = self._needs_channel()
        found += event_problems(self.event, self.periods, self.devices)
        if problem := class_problem(self.previous_accuracy):
            found.append(("previous_accuracy", problem))
        return found


class SoilStudy(Study, frozen=True, tag="soil"):
    """Strips with and without advice; nitrogen and yields are logged activities."""

    area_ha: Positive | None = None
    fertiliser: Fertiliser = "unknown"
    climate: Literal["wet", "dry", "aggregated"] = "wet"
    control_arm: str = "practice"
    action_arm: str = "advised"

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        if self.area_ha is None:
            return [("area_ha", "needed for soil: the area the advice was applied to")]
        return []


class ParallelRoad(Struct, frozen=True, forbid_unknown_fields=True):
    """A street that could take over the traffic: its own counters, its own length."""

    name: str
    devices: Annotated[list[Name], Meta(min_length=1)]
    length_km: Kilometres
    speed_before_km_h: Speed | None = None
    speed_after_km_h: Speed | None = None


class TrafficStudy(Study, frozen=True, tag="traffic"):
    """A road before and after a measure, with the streets beside it.

    `link_channel` carries measured travel times; without it the speeds are modelled. The devices
    of parallel roads belong to `devices` too.
    """

    length_km: Kilometres = 1.0
    classes: dict[str, Share] = field(default_factory=dict)
    link_channel: AnyChannel = ""
    speed_before_km_h: Speed | None = None
    speed_after_km_h: Speed | None = None
    speed_note: str = ""
    parallel: list[ParallelRoad] = field(default_factory=list)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels the study reads."""
        return tuple(name for name in (self.channel, self.link_channel) if name)

    @property
    def reads_hours(self) -> bool:
        """Travel times differ by the hour."""
        return bool(self.link_channel)

    @property
    def own_devices(self) -> tuple[str, ...]:
        """Devices on the road itself."""
        beside = {name for road in self.parallel for name in road.devices}
        return tuple(name for name in self.devices if name not in beside)

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        found = self._needs_channel()
        counted = quantity_of(self.channel) == "vehicle_count" and not self.link_channel
        speeds = [(self.speed_before_km_h, self.speed_after_km_h)]
        speeds += [(road.speed_before_km_h, road.speed_after_km_h) for road in self.parallel]
        if counted and any(None in pair for pair in speeds):
            found.append(("speed_before_km_h, speed_after_km_h", "a counter has no speeds"))
        if abs(sum(self.classes.values()) - 1) > 1e-6:
            found.append(("classes", "shares of the vehicle classes must add up to 1"))
        if wrong := sorted(set(self.classes) - set(VEHICLE_CLASSES)):
            found.append(("classes", f"unknown {wrong}, allowed: {', '.join(VEHICLE_CLASSES)}"))
        beside = {name for road in self.parallel for name in road.devices}
        if beside - set(self.devices):
            found.append(("parallel.devices", "name them in the study's devices too"))
        if not self.own_devices:
            found.append(("devices", "the road itself needs a device"))
        return found


class RemoteHealthStudy(Study, frozen=True, tag="remote_health"):
    """Consultations at a distance, from logged activities.

    `mode_share` holds for consultations whose arm names no mode. `held` is how many the provider
    counted, 0 when it was not asked.
    """

    mode_share: dict[Mode, Share]
    distance_source: Literal["road", "centroid"] = "road"
    car_passengers: Annotated[float, Meta(ge=1, le=9)] = 1.0
    gigabytes: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    held: Number = 0

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        if abs(sum(self.mode_share.values()) - 1) > 1e-6:
            return [("mode_share", "shares must add up to 1")]
        return []


class RemoteAssistanceStudy(Study, frozen=True, tag="remote_assistance"):
    """Cases treated with a headset, from logged activities.

    `km_per_visit` holds where fewer than two visits are logged. `held` is how many cases the
    provider counted, 0 when it was not asked.
    """

    km_per_visit: IntervalDocument | None = None
    headsets: Number = 1
    controllers: Number = 0
    held: Number = 0

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        return [] if self.km_per_visit is None else _ordered("km_per_visit", self.km_per_visit)


class IndustryStudy(Study, frozen=True, tag="industry"):
    """Energy of a workshop and its logged output; degree days with a weather station."""

    fuel: Literal["electricity", "gas"] = "electricity"
    hdd_base_degc: Annotated[float, Meta(ge=0, le=30)] = 15.0

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        return self._needs_channel()


class DataCentreStudy(Study, frozen=True, tag="data_centre"):
    """Total energy (`channel`) and energy of the IT (`it_channel`) of one boundary."""

    it_channel: AnyChannel = ""
    same_boundary: bool = True

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels the study reads."""
        return tuple(name for name in (self.channel, self.it_channel) if name)

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        if not self.it_channel or self.it_channel == self.channel:
            return [*self._needs_channel(), ("it_channel", "needed: the meter of the IT alone")]
        return self._needs_channel()


class SurveillanceStudy(Study, frozen=True, tag="surveillance"):
    """Air or water under watch.

    `threshold` is in `unit`; readings times `scale` are in `unit` too.
    """

    threshold: float
    unit: str
    scale: Annotated[float, Meta(gt=0, le=1e12)] = 1.0
    releases: list[ReleaseDocument] = field(default_factory=list)

    @property
    def reads_hours(self) -> bool:
        """Exposure is counted in hours."""
        return True

    def problems(self) -> Problems:
        """Return key and text of what does not hold."""
        found = self._needs_channel()
        for i, release in enumerate(self.releases):
            for name in ("rate_kg_per_h", "hours_gained"):
                found += _ordered(f"releases[{i}].{name}", getattr(release, name))
        return found


class ClimateEventStudy(Study, frozen=True, tag="climate_event"):
    """Warnings and what came, from logged activities."""


AnyStudy = (
    SmartMeterStudy
    | SoilStudy
    | TrafficStudy
    | RemoteHealthStudy
    | RemoteAssistanceStudy
    | IndustryStudy
    | DataCentreStudy
    | SurveillanceStudy
    | ClimateEventStudy
)


def _ordered(where: str, given: IntervalDocument) -> Problems:
    try:
        interval(given, where)
    except InputError as error:
        return [(where, error.message)]
    return []
