"""Tertiary public buildings of a site: what a yearly declaration of their energy needs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cobenefit_backend.bodies import Channel, Name
from cobenefit_wire.units import quantity_of

Carrier = Literal["electricity", "gas", "heat", "cold", "fuel_oil", "wood"]
ENERGY = "energy_import_wh"


class BuildingMeter(Struct, frozen=True, forbid_unknown_fields=True):
    """A main meter of a building: never one of its sub-meters, which would count twice.

    `reference_kwh` is what the carrier used in the reference year, as it was declared.
    """

    device: Name
    carrier: Carrier
    channel: Channel = ENERGY
    reference_kwh: Annotated[float, Meta(ge=0, le=1e12)] | None = None


class Building(Struct, frozen=True, forbid_unknown_fields=True):
    """A tertiary public building at a site, with its main meters."""

    id: Name
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    area_m2: Annotated[float, Meta(gt=0, le=1e7)]
    meter: Annotated[list[BuildingMeter], Meta(min_length=1, max_length=50)]
    reference_year: Annotated[int, Meta(ge=2000, le=2100)] | None = None
    address: Annotated[str, Meta(max_length=300)] = ""


def building_problems(
    site: str, buildings: list[Building], devices: Mapping[tuple[str, str], str]
) -> list[tuple[str, str]]:
    """Return key and text of what does not hold.

    Parameters
    ----------
    site : str
        Id of the site.
    buildings : list of Building
        Its buildings.
    devices : mapping
        Household by site and id of every device of the document; empty for none.

    Returns
    -------
    list of tuple
        Key and text.
    """
    found = []
    meters = [(meter.device, meter.channel) for each in buildings for meter in each.meter]
    for each in buildings:
        where = f"site {site}.building {each.id}"
        for meter in each.meter:
            if (site, meter.device) not in devices:
                found.append((f"{where}.meter", f"no device {meter.device!r} at this site"))
            elif devices[site, meter.device]:
                text = f"{meter.device!r} measures a household, which is not declared to OPERAT"
                found.append((f"{where}.meter", text))
            if quantity_of(meter.channel) != ENERGY:
                found.append((f"{where}.meter", f"{meter.channel!r} does not count {ENERGY}"))
            if meters.count((meter.device, meter.channel)) > 1:
                text = f"{meter.device}/{meter.channel} is given twice: it would count twice"
                found.append((f"{where}.meter", text))
    ids = [each.id for each in buildings]
    twice = {each for each in ids if ids.count(each) > 1}
    return [*found, *((f"site {site}.building {each}", "given twice") for each in sorted(twice))]
