"""The overview: the answer first, never a naked number, and something to read in every state."""

import json
import re

import pytest

LANGUAGES = ("en", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_opens_with_a_sentence_that_has_everything(municipality, language):
    text = municipality.get(f"/?lang={language}").text
    lead = re.search(r'<p class="lead">(.*?)</p>', text).group(1)
    total = municipality.get("/v1/report").json()["totals"]["E"]["net_kgco2e"]
    written = re.findall(r"(\d+) (?:to|à) (\d+) kgCO2e", lead)[0]
    # two significant digits are written
    assert [int(each) for each in written] == [round(total["low"], -1), round(total["high"], -1)]
    assert re.search(r"9\d\s?%", lead), "the coverage"
    assert lead.count("kgCO2e") == 2, "the net, and the devices"
    assert text.count('class="value good"') == 1


def test_only_what_counts_is_in_the_figure(municipality):
    totals = municipality.get("/v1/report").json()["totals"]
    assert totals["E"]["studies"] == ["school"]
    for choice, said in (
        ("use_case=traffic", "modelled or synthetic (1)"),
        ("use_case=soil", "modelled or synthetic (1)"),
        ("site=nowhere", "tests of the method (1), modelled or synthetic (1)"),
    ):
        text = municipality.get(f"/?lang=en&{choice}").text
        assert said in text
        assert 'class="value' not in text


def test_a_choice_shows_no_other_study(municipality):
    text = municipality.get("/?lang=en&use_case=soil").text
    assert 'href="/studies/field?lang=en"' in text
    assert "/studies/school" not in text
    assert '<option value="soil" selected>Soil</option>' in text
    none = municipality.get("/?lang=en&use_case=soil&site=town").text
    assert "No study of Demo municipality fits this choice." in none
    assert municipality.get("/?use_case=%3Cb%3E&site=..").status_code == 200
    assert municipality.get("/?start=-1").status_code == 422


def test_every_row_links_to_its_study_and_its_site(municipality):
    text = municipality.get("/?lang=fr").text
    for study in ("school", "house-test", "road", "field"):
        assert f'<a href="/studies/{study}?lang=fr">' in text
    for link in set(re.findall(r'href="(/(?:studies|sites|map|results|series)[^"]*)"', text)):
        assert municipality.get(link.replace("&amp;", "&")).status_code == 200, link
    assert text.count('class="spark"') == 3, "the field keeps no series"


def test_without_a_study_it_says_what_to_do(client):
    for language, word in (("en", "nothing to report yet"), ("fr", "encore rien à présenter")):
        answer = client.get(f"/?lang={language}")
        assert answer.status_code == 200
        assert word in answer.text
        assert "cobenefit backend load study" in answer.text


def test_without_data_it_says_why_there_is_no_figure(client, study_document):
    client.post("/v1/studies", json=study_document)
    text = client.get("/?lang=en").text
    assert "No reading of Demo municipality has arrived yet" in text
    assert text.count("has no figure") == 4
    page = client.get("/studies/house-test?lang=en").text
    assert "not enough data" in page
    assert "are not enough for a figure: no CO2e is claimed" in page
    assert "indicator, no CO2e" not in page


def test_one_site_needs_no_choice_and_has_no_map(client, study_document):
    study_document["site"] = study_document["site"][:1]
    study_document["device"] = study_document["device"][:1]
    study_document["study"] = study_document["study"][:1]
    assert client.post("/v1/studies", json=study_document).status_code == 202
    text = client.get("/?lang=en").text
    assert "<form" not in text
    assert "There is no map yet" in text


def test_areas_are_drawn_with_their_key_and_their_table(mapped):
    text = mapped.get("/?lang=en").text
    assert "Areas with a figure: 1 of 4; the highest per device is in Centre &lt;i&gt;" in text
    drawing = re.search(r'<svg viewBox="[^"]*" class="map".*?</svg>', text, re.DOTALL).group(0)
    assert len(re.findall(r'class="area (high|none)"', drawing)) == 2, "one path for each class"
    assert drawing.count("z") >= 4
    rows = re.findall(r"<tr><th scope=\"row\">([^<]*)</th><td data-name=\"Class\">(.)</td>", text)
    assert rows == [("Centre &lt;i&gt;", "A"), ("Plaine", "–"), ("Bourg", "–")]


def test_sites_with_a_position_are_dots(municipality, study_document):
    for site, place in zip(study_document["site"], ((3, 50), (3.1, 50.1), (3, 50)), strict=True):
        site["longitude"], site["latitude"] = place
    municipality.post("/v1/studies", json=study_document)
    text = municipality.get("/?lang=en").text
    assert text.count("<circle") == 3
    assert "Sites with a figure: 1 of 3" in text
    del study_document["site"][0]["longitude"]
    assert municipality.post("/v1/studies", json=study_document).status_code == 422


def test_many_studies_stay_on_pages_of_100_kb(client, study_document):
    template = study_document["study"][0]
    study_document["study"] = [{**template, "id": f"school-{n}"} for n in range(45)]
    study_document["overlap"] = []
    assert client.post("/v1/studies", json=study_document).status_code == 202
    seen, address = set(), "/?lang=en&attention=all"
    while address:
        text = client.get(address).text
        assert len(text.encode()) <= 100_000
        seen |= set(re.findall(r'<th scope="row"><a href="/studies/([^?]+)', text))
        following = re.search(r'<a href="([^"]*start=[^"]*)#studies"', text)
        address = following.group(1).replace("&amp;", "&") if following else ""
    assert len(seen) == 45


def test_at_most_five_points_need_attention_with_a_link_to_all(client, study_document):
    template = study_document["study"][0]
    study_document["study"] = [{**template, "id": f"school-{n}"} for n in range(8)]
    client.post("/v1/studies", json=study_document)
    text = client.get("/?lang=en").text
    assert text.count("has no figure") == 5
    assert 'attention=all#attention">Show all (8)' in text
    assert client.get("/?lang=en&attention=all").text.count("has no figure") == 8


def test_the_largest_map_fits(municipality):
    ring = [[0.0, 0.0], [0.04, 0.0], [0.04, 0.04], [0.0, 0.04], [0.0, 0.0]]
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"Commune numéro {n}", "code": f"{10_000 + n}"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x + n % 27 * 0.04, y + n // 27 * 0.04] for x, y in ring]],
            },
        }
        for n in range(648)
    ]
    features[0]["properties"]["sites"] = ["town"]
    body = json.dumps({"type": "FeatureCollection", "features": features})
    assert municipality.post("/v1/areas", content=body).status_code == 202
    text = municipality.get("/?lang=fr").text
    drawing = re.search(r'<svg viewBox="[^"]*" class="map".*?</svg>', text, re.DOTALL).group(0)
    assert len(drawing.encode()) <= 30_000
    assert len(text.encode()) <= 100_000
