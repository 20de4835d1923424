"""The map with what stands beside it: its key, a sentence, and the same as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cobenefit_backend.areas.geojson import Position
from cobenefit_backend.areas.outline import Outline, laid_out
from cobenefit_backend.pages import choropleth
from cobenefit_backend.pages.places import Place
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit

MAX_ROWS = 30
"""Places in the table on the page; the CSV has all."""


@dataclass(frozen=True, slots=True)
class MapPanel:
    """A map and its words.

    Parameters
    ----------
    drawing : Markup
        The map.
    sentence : str
        What it says.
    key : tuple of Class
        The classes that occur.
    head : tuple of str
        Column names.
    rows : tuple of tuple of str
        Places with a study, written.
    more : int
        How many of them only the CSV has. [1]
    """

    drawing: Markup
    sentence: str
    key: tuple[choropleth.Class, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int


def of_areas(places: Sequence[Place], outlines: Sequence[Outline], reader: Reader) -> MapPanel:
    """Return the map of areas.

    Parameters
    ----------
    places : sequence of Place
        The areas.
    outlines : sequence of tuple
        Their outlines. [px]
    reader : Reader
        For whom.

    Returns
    -------
    MapPanel
        Ready for the template.
    """
    sentence = _sentence(places, "area", reader)
    values = [place.per_device for place in places]
    return _panel(places, choropleth.areas(outlines, values, sentence, reader), sentence, reader)


def of_sites(places: Sequence[Place], positions: Sequence[Position], reader: Reader) -> MapPanel:
    """Return the map of sites.

    Parameters
    ----------
    places : sequence of Place
        The sites.
    positions : sequence of tuple
        Their longitude and latitude. [degree]
    reader : Reader
        For whom.

    Returns
    -------
    MapPanel
        Ready for the template.
    """
    sentence = _sentence(places, "site", reader)
    names, values = [place.name for place in places], [place.per_device for place in places]
    drawing = choropleth.dots(laid_out(positions), names, values, sentence, reader)
    return _panel(places, drawing, sentence, reader)


def _panel(places: Sequence[Place], drawing: Markup, sentence: str, reader: Reader) -> MapPanel:
    key = choropleth.classes([place.per_device for place in places], reader)
    studied = [place for place in places if place.cases]
    columns = ("place", "class", "per_device", "net", "evidence", "coverage")
    return MapPanel(
        drawing=drawing,
        sentence=sentence,
        key=tuple(key),
        head=tuple(reader.words(f"map_{name}") for name in columns),
        rows=tuple(_row(place, key, reader) for place in studied[:MAX_ROWS]),
        more=max(len(studied) - MAX_ROWS, 0),
    )


def _row(place: Place, key: Sequence[choropleth.Class], reader: Reader) -> tuple[str, ...]:
    words, form, net = reader.words, reader.format, place.shown
    if net is None:
        return (place.name, "–", words("map_no_figure"), "–", "–", "–")
    unit = mass_unit(net.interval.low, net.interval.high)
    return (
        place.name,
        choropleth.class_of(place.per_device, key).letter,
        form.mass(net.per_device.central),
        words(
            "map_interval",
            low=form.bare_mass(net.interval.low, unit), high=form.mass(net.interval.high, unit),
        ),
        words(f"class_{net.evidence}"),
        form.percent(net.coverage_ratio),
    )  # fmt: skip


def _sentence(places: Sequence[Place], kind: str, reader: Reader) -> str:
    words, form = reader.words, reader.format
    values = [(v.central, place.name) for place in places if (v := place.per_device) is not None]
    if not values:
        return words(f"map_{kind}_nothing", count=len(places))
    best, name = max(values)
    return words(
        f"map_{kind}_sentence", count=len(places), known=len(values), name=name,
        value=form.mass(best),
    )  # fmt: skip
