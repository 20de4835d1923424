"""A provider's temperatures are checked and stored; where a site has none, the page says so."""

import csv

import pytest

from cobenefit_backend.errors import RequestError
from cobenefit_backend.weather_source import WeatherSource, bring

HOUR_MS = 3_600_000


class Archive:
    """A provider that is a file."""

    def __init__(self, path) -> None:
        self._path = path
        self.credit = ("an archive", "CC0")

    def temperatures(self, station: str, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
        with self._path.open(encoding="utf-8", newline="") as stream:
            rows = [
                (int(r["t_ms"]), float(r["degc"]), r["station"]) for r in csv.DictReader(stream)
            ]
        return [(t, degc) for t, degc, name in rows if name == station and start_ms <= t < end_ms]


def test_what_a_source_knows_is_stored(store, tmp_path):
    path = tmp_path / "archive.csv"
    lines = [f"S1,{n * HOUR_MS},{n}" for n in range(5)]
    path.write_text("\n".join(["station,t_ms,degc", *lines]), encoding="utf-8")
    source: WeatherSource = Archive(path)
    assert bring(store, "demo", source, "S1", (HOUR_MS, 4 * HOUR_MS)) == 3
    assert [r["temperature_degc"] for r in store.temperatures("demo", "S1")] == [1.0, 2.0, 3.0]
    path.write_text("station,t_ms,degc\nS1,0,451\n", encoding="utf-8")
    with pytest.raises(RequestError):
        bring(store, "demo", source, "S1", (0, 1))


def test_the_data_page_shows_station_distance_and_coverage(client, study_document):
    study_document["site"][0]["station_km"] = 7.5
    body = {"tenant": "demo", "station": "S1", "source": "Météo test", "licence": "CC0",
            "t_ms": [1_672_531_200_000 + n * 86_400_000 for n in range(731) if n % 4],
            "temperature_degc": [5.0] * sum(n % 4 > 0 for n in range(731))}  # fmt: skip
    assert client.post("/v1/weather", json=body).status_code == 202
    assert client.post("/v1/studies", json=study_document).status_code == 202
    rows = {row["site"]: row for row in client.get("/v1/report").json()["data"]["weather"]}
    assert rows["town"]["distance_km"] == 7.5
    assert rows["town"]["coverage_ratio"] == pytest.approx(548 / 731)
    assert (rows["nowhere"]["station"], rows["nowhere"]["coverage_ratio"]) == ("", 0.0)
    english, french = (client.get(f"/data?lang={name}").text for name in ("en", "fr"))
    assert "7.5 km" in english
    assert "7,5\u00a0km" in french or "7,5 km" in french
    assert "Météo test" in english
    assert "no station" in english
    assert "sans station" in french
