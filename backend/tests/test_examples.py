"""The examples of the reference run, state their evidence, and explain themselves."""

import json
from pathlib import Path

import pytest

from cobenefit_backend.documents.answer import answer
from cobenefit_backend.estimate.quantity import plain
from cobenefit_backend.explain_cli import explained
from cobenefit_backend.factors.load import load
from cobenefit_backend.report.answers import ANSWERS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/reference/examples"
PAGE = (ROOT / "docs/reference/use-cases.md").read_text(encoding="utf-8")
WHY = (ROOT / "docs/explanation/use-cases.md").read_text(encoding="utf-8")
CLASSES = {
    "smart_meter": "E", "soil": "M", "traffic": "E", "remote_health": "E",
    "remote_assistance": "E", "industry": "M", "data_centre": "M", "surveillance": "N",
    "climate_event": "N",
}  # fmt: skip


def evaluated(text):
    assert set(text) <= set("0123456789.e+-*/() ")
    return eval(text, {"__builtins__": {}})


@pytest.mark.parametrize("use_case", sorted(ANSWERS))
def test_an_example_runs_and_its_equation_gives_its_figure(use_case):
    path = EXAMPLES / f"{use_case}.json"
    result = plain(answer(use_case, path.read_bytes(), load(), path.name))
    json.dumps(result, allow_nan=False)
    assert result["evidence_class"] == CLASSES[use_case]
    verdict = result.get("details", result)["break_even"]["verdict"]
    lines = list(explained(result, load()))
    if CLASSES[use_case] == "N":
        assert verdict == "no_effect"
        assert "no CO2e is claimed" in lines[0]
        return
    gross, rebound = (
        (result["gross"], result["rebound"])
        if use_case == "traffic"
        else (result["gross_kgco2e"], result["rebound_kgco2e"])
    )
    assert evaluated(lines[2].strip(" =")) == pytest.approx(
        gross["central"] - rebound["central"], rel=1e-9
    )
    assert verdict == "reached"


@pytest.mark.parametrize("use_case", sorted(ANSWERS))
def test_the_pages_tell_of_every_use_case(use_case):
    assert f"](schemas/{use_case}.json)" in PAGE
    assert f"](examples/{use_case}.json)" in PAGE
    assert f"`{use_case}`" in WHY


def test_the_page_names_every_quantity_of_an_activity():
    from cobenefit_backend.activities import KNOWN

    for quantities in KNOWN.values():
        for name, known in quantities.items():
            assert f"`{name}`" in PAGE
            assert not known.unit or f"`{known.unit}`" in PAGE


def test_the_page_names_every_key_of_a_study():
    from msgspec.structs import fields

    from cobenefit_backend.study_kinds import AnyStudy, ParallelRoad

    keys = {f.name for kind in (*AnyStudy.__args__, ParallelRoad) for f in fields(kind)}
    assert not sorted(key for key in keys if f"`{key}`" not in PAGE)
