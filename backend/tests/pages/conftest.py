"""A map for the municipality of the tests: three communes side by side, and one without a site."""

import json

import pytest


def square(x: float, **properties):
    ring = [[x, 50.0], [x + 0.1, 50.0], [x + 0.1, 50.1], [x, 50.1], [x, 50.0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": shape}


MAP = {
    "type": "FeatureCollection",
    "features": [
        square(3.0, name="Centre <i>", sites=["town"]),
        square(3.1, name="Plaine", insee="59001"),
        square(3.2, name="Bourg", sites=["nowhere"]),
        square(3.3, nom="Ailleurs", code="59002"),
    ],
}


@pytest.fixture
def mapped(municipality, study_document):
    """The municipality with a map; the farm belongs to a commune by its code."""
    study_document["site"][2]["insee"] = "59001"
    assert municipality.post("/v1/studies", json=study_document).status_code == 202
    assert municipality.post("/v1/areas", content=json.dumps(MAP)).status_code == 202
    return municipality
