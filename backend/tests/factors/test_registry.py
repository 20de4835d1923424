"""A missing range never means certainty, and a wrong id is answered with the near ones."""

import dataclasses

import pytest

from cobenefit_backend.errors import FactorError
from cobenefit_backend.factors.load import load


def test_only_exact_factors_have_no_width():
    for factor in load().values():
        low, high = factor.bounds
        if factor.distribution == "exact":
            assert low == factor.value == high or factor.low is not None
        else:
            assert low < factor.value < high or low < high, factor.id


def test_an_unknown_id_names_its_neighbours():
    with pytest.raises(FactorError, match=r"gwp100\.n2o\.ar6"):
        load()["gwp100.n2o.ar4"]


def test_factors_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load()["gwp100.n2o.ar6"].value = 1.0


def test_gwp_values_of_the_assessment_reports():  # C10
    assert load()["gwp100.n2o.ar6"].value == 273
    assert load()["gwp100.n2o.ar5"].value == 265
