"""The report of a small municipality, computed once, and where its versions are kept."""

from dataclasses import replace

import pytest

from cobenefit_backend.report.build import build
from cobenefit_backend.versions.kept import Versions

_MADE = {}


@pytest.fixture
def report(request):
    if not _MADE:
        store = request.getfixturevalue("municipality").app.state.store
        _MADE["report"] = build(store, "demo")
    return _MADE["report"]


@pytest.fixture
def small(report):
    """The same with one study, whose files are made quickly."""
    return replace(report, cases=report.cases[-1:])


@pytest.fixture
def versions(store):
    return Versions(store.database)
