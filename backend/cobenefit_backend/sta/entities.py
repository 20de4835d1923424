"""What each entity says (OGC 18-088, SensorThings API 1.1, section 8), without its links."""

from typing import Any

from cobenefit_backend.sta.catalogue import OBSERVATIONS, Stream
from cobenefit_wire.units import COUNTER, QUANTITIES, Quantity

Entity = dict[str, Any]
NAVIGATION: dict[str, dict[str, str]] = {
    "Things": {"Locations": "Locations", "Datastreams": "Datastreams"},
    "Locations": {"Things": "Things"},
    "Datastreams": {
        "Thing": "Things", "Sensor": "Sensors", "ObservedProperty": "ObservedProperties",
        "Observations": OBSERVATIONS,
    },
    "Sensors": {"Datastreams": "Datastreams"},
    "ObservedProperties": {"Datastreams": "Datastreams"},
    OBSERVATIONS: {"Datastream": "Datastreams", "FeatureOfInterest": "FeaturesOfInterest"},
    "FeaturesOfInterest": {"Observations": OBSERVATIONS},
}  # fmt: skip
"""Where each entity leads, and to which set; a name of a set leads to many."""
UCUM = {
    "Wh": ("watt hour", "W.h"), "W": ("watt", "W"), "VA": ("volt ampere", "V.A"),
    "V": ("volt", "V"), "A": ("ampere", "A"), "count": ("count", "{count}"),
    "km/h": ("kilometre per hour", "km/h"), "s": ("second", "s"), "/": ("ratio", "1"),
    "Cel": ("degree Celsius", "Cel"), "S/m": ("siemens per metre", "S/m"), "pH": ("pH", "[pH]"),
    "kg/m3": ("kilogram per cubic metre", "kg/m3"), "m": ("metre", "m"),
}  # fmt: skip
"""Name and code in the Unified Code for Units of Measure of each SenML unit."""
_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_GEOJSON = "application/geo+json"
_UNKNOWN = Quantity("", "", 0, 0, 0)


def kind_of(stream: Stream) -> str:
    """Return how the quantity of a datastream adds up: counter, gauge, event, or '' if unknown."""
    return str(QUANTITIES.get(stream.quantity, _UNKNOWN).kind)


def describe(kind: str, stream: Stream) -> Entity:
    """Return the properties of the entity a datastream belongs to.

    Parameters
    ----------
    kind : str
        Entity set, any but Observations.
    stream : Stream
        One of its datastreams.

    Returns
    -------
    dict
        The properties.
    """
    match kind:
        case "Things":
            return _thing(stream)
        case "Datastreams":
            return _datastream(stream)
        case "Sensors":
            return _sensor(stream)
        case "ObservedProperties":
            return _property(stream)
        case "Locations":
            return {**_site(stream), "location": _place()}
    return {**_site(stream), "feature": _place()}


def _thing(stream: Stream) -> Entity:
    return {
        "name": stream.device,
        "description": f"Node {stream.device} at site {stream.site}",
        "properties": {"site": stream.site, "device": stream.device},
    }


def _site(stream: Stream) -> Entity:
    return {
        "name": stream.site,
        "description": f"Site {stream.site}; its position is not known here",
        "encodingType": _GEOJSON,
    }


def _place() -> Entity:
    # RFC 7946, 3.1: a geometry without coordinates may be read as no geometry.
    return {"type": "Point", "coordinates": []}


def _sensor(stream: Stream) -> Entity:
    entry = stream.entry
    board = entry.board if entry else "not in the study document"
    accuracy = entry.accuracy if entry and entry.accuracy else "none stated"
    return {
        "name": f"{stream.device} ({board})" if entry else stream.device,
        "description": f"Sensors of node {stream.device} at site {stream.site}",
        "encodingType": "text/plain",
        "metadata": f"board: {board}; accuracy class: {accuracy}",
    }


def _property(stream: Stream) -> Entity:
    return {
        "name": stream.quantity,
        "definition": f"urn:cobenefit:quantity:{stream.quantity}",
        "description": f"{stream.quantity.replace('_', ' ')}, see the reference of quantities",
    }


def _datastream(stream: Stream) -> Entity:
    senml = QUANTITIES.get(stream.quantity, _UNKNOWN).unit
    name, code = UCUM.get(senml, (senml or "unknown", senml))
    windows = "days of the site" if stream.resolution == "day" else "base windows"
    value = "increase" if kind_of(stream) == COUNTER else "mean"
    return {
        "name": f"{stream.site} {stream.device} {stream.channel}, {windows}",
        "description": f"{value} of {stream.channel} over {windows}",
        "observationType": _MEASUREMENT,
        "unitOfMeasurement": {
            "name": name,
            "symbol": code,
            "definition": f"ucum:{code}" if code else "",
        },
        "properties": {
            "channel": stream.channel,
            "resolution": stream.resolution,
            "statistic": value,
        },
    }
