"""Every link of every page, in both languages, leads to what it promises, and soon enough."""

from urllib.parse import urldefrag, urlsplit

import httpx
import pytest

from cobenefit_backend.exports.crate import TYPES
from cobenefit_hil.crawl import crawl

LIMIT = 600
COUNCIL, REVIEW = {"why": "council"}, {"why": "review"}
FAULT = {
    "site": "town", "device": "school", "channel": "energy_import_wh", "why": "works",
    "start_ms": 1_719_784_800_000, "end_ms": 1_720_389_600_000,
}  # fmt: skip
SERIES = "site=town&device=school&channel=energy_import_wh"
FILE = b"start,end,value,unit\n2021-01-01T00:00+01:00,2021-01-02T00:00+01:00,24,kWh\n"
BEGINS = {"pdf": b"%PDF-", "xlsx": b"PK\x03\x04", "zip": b"PK\x03\x04"}


@pytest.fixture
def visited(served, municipality):
    """What a reader can reach; two versions are published, a fault left out between."""
    for path, body in (
        ("report/versions", COUNCIL),
        ("corrections", FAULT),
        ("report/versions", REVIEW),
    ):
        assert municipality.post(f"/v1/{path}", json=body).status_code == 201
    assert municipality.post(f"/v1/imports?{SERIES}&file=old.csv", content=FILE).status_code == 201
    with httpx.Client(base_url=served, headers=municipality.headers, timeout=60) as client:
        return crawl(client.get, "/?lang=en", LIMIT)


def test_every_link_leads_to_what_it_promises(visited):
    """One visit, as it takes seconds: pages, places in them, files, and the way to the report."""
    assert 60 < len(visited) < LIMIT, "all of them were followed"
    broken = {at: page.found_on for at, page in visited.items() if page.status >= 400}
    assert broken == {}
    _check_languages(visited)
    _check_fragments(visited)
    _check_files(visited)
    _check_three_clicks(visited)


def _check_languages(visited):
    found = {}
    for address, page in visited.items():
        parts = urlsplit(address)
        if page.kind == "text/html" and not parts.path.endswith(".html"):
            found.setdefault(parts.path, set()).add(page.content.split(b'lang="')[1][:2])
    assert {path for path, both in found.items() if both != {b"en", b"fr"}} == set()


def _check_fragments(visited):
    lost = {
        link: address
        for address, page in visited.items()
        for link in page.links
        if (parts := urldefrag(link)).fragment and parts.fragment not in visited[parts.url].ids
    }
    assert lost == {}


def _check_files(visited):
    seen = set()
    for address, page in visited.items():
        ending = urlsplit(address).path.rpartition(".")[2]
        if ending in TYPES:
            seen.add(ending)
            assert page.kind == TYPES[ending], address
            assert page.content.startswith(BEGINS.get(ending, b"")), address
            assert page.content, address
    assert {"pdf", "xlsx", "csv", "zip", "json"} <= seen


def _check_three_clicks(visited):
    """From the overview to the report, to its PDF; one click more for another language."""
    assert visited["/report.pdf?lang=en"].clicks == 2
    assert visited["/report.pdf?lang=fr"].clicks == 3
