"""`cobenefit backend areas import`: the whole file or nothing, and the map that results."""

import json

from typer.testing import CliRunner

from cobenefit_backend.areas import stored
from cobenefit_backend.commands import app


def _file(path, *names):
    ring = [[3, 50], [3.1, 50], [3.1, 50.1], [3, 50]]
    features = [
        {
            "type": "Feature",
            "properties": {"name": name, "sites": [name]},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name in names
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_an_import_replaces_what_was_there(store, config, tmp_path):
    settings = tmp_path / "backend.toml"
    settings.write_text(f'[database]\nurl = "{config.database_url}"\n')

    def run(*names):
        file = _file(tmp_path / "areas.geojson", *names)
        command = ["areas", "import", str(file), "--tenant", "demo", "--config", str(settings)]
        return CliRunner().invoke(app, command)

    assert "Imported 2 areas of demo" in run("a", "b").output
    areas = stored.outlined(store.database, "demo", whole=True)
    assert [(area.name, area.sites) for area in areas] == [("a", ("a",)), ("b", ("b",))]
    assert json.loads(areas[0].polygons)[0][0][1] == [3.1, 50]
    assert areas[0].outline
    refused = run("c", "c")
    assert refused.exit_code == 2
    assert "'c' stands in" in refused.output
    assert len(stored.outlined(store.database, "demo")) == 2, "nothing of a refused file is kept"
    assert run().exit_code == 0
    assert stored.outlined(store.database, "demo") == []
    assert stored.outlined(store.database, "other") == []
