"""The municipality's report, computed once: files are made from it and never change it."""

import pytest

from cobenefit_backend.report.build import build

_MADE = {}


@pytest.fixture
def report(request):
    if not _MADE:
        store = request.getfixturevalue("municipality").app.state.store
        _MADE["report"] = build(store, "demo")
    return _MADE["report"]
