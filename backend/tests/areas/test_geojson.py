"""What is no map of areas is refused with its place in the file; what is one, comes through."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.areas import geojson
from cobenefit_backend.errors import InputError

RING = [[3.0, 50.0], [3.1, 50.0], [3.1, 50.1], [3.0, 50.0]]
DEGREES = st.tuples(
    st.floats(-180, 180, allow_nan=False), st.floats(-90, 90, allow_nan=False)
).map(list)
RINGS = st.lists(DEGREES, min_size=3, max_size=12).map(lambda points: [*points, points[0]])


def feature(geometry=None, **properties):
    shape = geometry or {"type": "Polygon", "coordinates": [RING]}
    told = properties or {"name": "Centre", "sites": ["town"]}
    return {"type": "Feature", "properties": told, "geometry": shape}


def collection(*features, **more):
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(RINGS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_is_valid_comes_through(polygons):
    shape = {"type": "MultiPolygon", "coordinates": polygons}
    (area,) = geojson.parse(collection(feature(shape)))
    assert (area.name, area.sites) == ("Centre", ("town",))
    assert [[len(ring) for ring in part] for part in area.polygons] == [
        [len(ring) for ring in part] for part in polygons
    ]
    for part, given_part in zip(area.polygons, polygons, strict=True):
        for ring, given_ring in zip(part, given_part, strict=True):
            assert ring[0] == ring[-1]
            # half of the last decimal kept
            assert all(
                abs(a - b) <= 0.5e-6 + 1e-12
                for place, given_place in zip(ring, given_ring, strict=True)
                for a, b in zip(place, given_place, strict=True)
            )


@settings(deadline=None, max_examples=30)
@given(RINGS, st.data())
def test_one_bad_position_is_enough(ring, data):
    where = data.draw(st.integers(0, len(ring) - 1))
    wrong = data.draw(st.sampled_from([[181, 0], [0, 90.1], [650_000.0, 7_060_000.0]]))
    bad = [*ring[:where], wrong, *ring[where + 1 :]]
    if where in (0, len(ring) - 1):
        bad[0] = bad[-1] = wrong
    with pytest.raises(InputError, match="WGS 84"):
        geojson.parse(collection(feature({"type": "Polygon", "coordinates": [bad]})))


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data):
    with pytest.raises(InputError):
        geojson.parse(data)


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "features", "properties", "geometry", "coordinates"]),
                inner | st.sampled_from(["FeatureCollection", "Feature", "Polygon"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_does_more_than_be_refused_or_be_empty(value):
    try:
        found = geojson.parse(json.dumps(value).encode())
    except InputError:
        return
    assert found == []


def test_french_commune_files_come_as_they_are():
    told = {"nom": "Lille", "code": "59350", "population": 236_710}
    island = {"nom": "Ajaccio", "code": "2A004"}
    found = geojson.parse(collection(feature(**told), feature(**island)))
    assert [(area.name, area.insee) for area in found] == [
        ("Lille", "59350"),
        ("Ajaccio", "2A004"),
    ]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (collection(feature(sites=["town"])), r"features\[0\].properties: needs a `name`"),
        (collection(feature(name="Centre")), "needs `sites`"),
        (collection(feature(name="Centre", code="5935")), "regex"),
        (collection(feature(name="Centre", sites=["Town Hall"])), "regex"),
        (collection(feature(name="", sites=["town"])), "length >= 1"),
        (collection(feature(), feature(name="B", sites=["town"])), r"'town' stands in .*\[0\]"),
        (
            collection(feature(name="A", code="59350"), feature(name="B", insee="59350")),
            r"features\[1\].properties.insee",
        ),
        (collection(feature({"type": "Polygon", "coordinates": []})), "a polygon has a ring"),
        (collection(feature({"type": "MultiPolygon", "coordinates": []})), "has a polygon"),
        (collection(feature({"type": "Polygon", "coordinates": [RING[:3]]})), "four positions"),
        (
            collection(feature({"type": "Polygon", "coordinates": [[*RING[:3], [3.0, 50.01]]]})),
            "the last is the first",
        ),
        (collection(feature({"type": "Point", "coordinates": [3, 50]})), "Point"),
        (collection(feature({"type": "Polygon", "coordinates": [[[3]] * 4]})), "length >= 2"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "no GeoJSON"),
        (b"\xff\xfe", "no GeoJSON"),
        (collection(crs={"properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}), "crs"),
        (b" " * (geojson.MAX_BYTES + 1), "at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(file, message):
    with pytest.raises(InputError, match=message) as caught:
        geojson.parse(file, file="areas.geojson")
    assert str(caught.value).startswith("areas.geojson: ")


def test_altitudes_and_the_usual_reference_system_do_no_harm():
    ring = [[*place, 12.5] for place in RING]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    file = collection(feature({"type": "Polygon", "coordinates": [ring]}), crs=crs)
    assert geojson.parse(file)[0].polygons[0][0][1] == (3.1, 50.0)


def test_too_many_areas_and_positions_are_refused(monkeypatch):
    many = [feature(name=f"{n}", sites=[f"s{n}"]) for n in range(geojson.MAX_AREAS + 1)]
    with pytest.raises(InputError, match="length <= 1000"):
        geojson.parse(collection(*many))
    monkeypatch.setattr(geojson, "MAX_POSITIONS", 3)
    with pytest.raises(InputError, match="4 positions, at most 3"):
        geojson.parse(collection(feature()))
