"""What the service remembers of tenants has an end."""

from cobenefit_backend.reading_rules import MAX_TENANTS
from cobenefit_backend.sta.catalogue import Catalogues


def test_the_tenants_asked_for_longest_ago_are_forgotten(store):
    catalogues = Catalogues(store)
    names = [f"t{number}" for number in range(MAX_TENANTS + 3)]
    first = catalogues.get(names[0])
    for name in names[1:-3]:
        catalogues.get(name)
        assert catalogues.get(names[0]) is first, "asked for again and again: kept"
    for name in names[-3:]:
        catalogues.get(name)
    for cache in (catalogues._known, catalogues._shown):
        assert set(cache) == {names[0], *names[4:]}
