"""The page of targets: in words where it compares, in words where it does not."""

import json

from cobenefit_backend.exports import csv_file
from cobenefit_backend.territory.told import COLUMNS


def test_the_page_the_table_and_the_rows_say_the_same(municipality, study_document):
    rows = municipality.get("/v1/targets").json()["targets"]
    found = {(row["target"], row["evidence_class"]): row for row in rows}
    estimated = found["hdf.sraddet.ghg", "E"]
    assert estimated["studies"] == "school"
    net = municipality.get("/v1/report").json()["totals"]["E"]["net_kgco2e"]
    assert estimated["central"] == net["central"]
    assert estimated["share_high"] == net["high"] / 23.36e9
    assert found["eu.neutrality", None]["refusal"] == "net_of_sinks"
    header, table = csv_file.read(municipality.get("/targets.csv?dialect=fr").content)
    assert header == COLUMNS
    assert [row[0] for row in table] == [row["target"] for row in rows]
    for language, words in (
        ("en", ("must cut by 2031", "straight line", "Not compared", "Expected, not achieved")),
        (
            "fr",
            ("baisse visée", "ligne droite", "la source n&#39;imprime pas", "Attendu, ni réalisé"),
        ),
    ):
        text = municipality.get(f"/targets?lang={language}").text
        assert not [each for each in words if each not in text]
        assert len(text.encode()) < 100_000

    _without_a_territory(municipality, study_document)


def _without_a_territory(client, document):
    document["study"] = document["study"][-1:]
    for territory, words in (("", "names no territory"), ("atlantis", "territory atlantis")):
        document["territory"] = territory
        assert client.post("/v1/studies", content=json.dumps(document)).status_code == 202
        text = client.get("/targets?lang=en").text
        assert words in text
        assert "hauts-de-france" in text
        assert client.get("/v1/targets").json() == {"targets": []}
