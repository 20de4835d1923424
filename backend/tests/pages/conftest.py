"""A map for the municipality of the tests: three communes side by side, and one without a site."""

import json
import shutil

import pytest

from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig


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


_filled: dict = {}


@pytest.fixture
def municipality(tmp_path, tmp_path_factory, municipality_at, new_key):
    """The municipality of the tests, filled once for each process and copied for each test."""
    if "path" not in _filled:
        path = tmp_path_factory.mktemp("filled") / "store.sqlite3"
        client = municipality_at(f"sqlite:///{path}")
        client.app.state.engine.dispose()
        _filled.update(path=path, kind=type(client))
    copy = shutil.copy(_filled["path"], tmp_path)
    app = create_app(BackendConfig(database_url=f"sqlite:///{copy}"))
    yield _filled["kind"](app, new_key(app))
    app.state.engine.dispose()


@pytest.fixture
def mapped(municipality, study_document):
    """The municipality with a map; the farm belongs to a commune by its code."""
    study_document["site"][2]["insee"] = "59001"
    assert municipality.post("/v1/studies", json=study_document).status_code == 202
    assert municipality.post("/v1/areas", content=json.dumps(MAP)).status_code == 202
    return municipality
