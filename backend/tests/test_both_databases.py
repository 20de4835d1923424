"""The same deliveries make the same report, to the last digit, whichever database keeps them."""

from cobenefit_hil import postgres


def test_the_report_is_the_same(municipality, municipality_at, cluster, migrated):
    url = cluster.url(cluster.create(migrated), postgres.APP)
    other = municipality_at(url)
    try:
        there = other.get("/v1/report")
    finally:
        other.app.state.engine.dispose()
    here = municipality.get("/v1/report")
    assert (here.status_code, there.status_code) == (200, 200)
    assert here.json() == there.json()
