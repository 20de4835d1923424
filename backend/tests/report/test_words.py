"""Both catalogues say the same things, and every code has its words."""

import re
from pathlib import Path
from string import Formatter as Pattern

import pytest

import cobenefit_backend
from cobenefit_backend.report.words import LANGUAGES, Words
from cobenefit_wire.quality import GOOD, NAMES

PACKAGE = Path(cobenefit_backend.__file__).parent


def _fields(text):
    return {name for _, name, _, _ in Pattern().parse(text) if name}


def test_same_keys_same_fields():
    english, french = (Words.load(language).entries for language in LANGUAGES)
    assert set(english) == set(french)
    for key, text in english.items():
        assert _fields(text) == _fields(french[key]), key


#: Words that are the same in both languages.
SAME = {"nav", "step_net", "tornado_net", "stage_installation", "fact_cv_rmse"}


def test_nothing_is_left_untranslated():
    english, french = (Words.load(language).entries for language in LANGUAGES)
    assert {key for key, text in english.items() if text == french[key]} == SAME
    assert all(text.strip() for text in [*english.values(), *french.values()])


def test_every_record_of_the_estimators_has_words():
    text = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("estimate", "report")
        for path in sorted((PACKAGE / folder).rglob("*.py"))
    )
    codes = set(re.findall(r'Disqualification\(\s*"([a-z_0-9]+)"', text))
    assert len(codes) > 10
    codes |= {
        "baseline_too_short", "baseline_coverage", "weak_baseline", "not_significant",
        "imprecise_savings", "no_ledger", "energy_unknown", "accelerated_replay", "virtual_board",
    }  # fmt: skip
    entries = Words.load("fr").entries
    assert not [code for code in codes if f"disqualification.{code}" not in entries]


def test_every_quality_code_has_words():
    entries = Words.load("fr").entries
    assert not [n for code, n in NAMES.items() if code != GOOD and f"reason.{n}" not in entries]


def test_every_label_of_the_estimators_has_words():
    labels = set()
    for path in sorted((PACKAGE / "estimate").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for found in re.findall(r'label=(.*)|return "[MEPN]", "(.*?)"', text):
            labels |= set(re.findall(r'"([^"]+)"', found[0])) | ({found[1]} - {""})
    assert len(labels) >= 7
    entries = Words.load("fr").entries
    assert not [label for label in labels if f"label.{label}" not in entries]


@pytest.mark.parametrize("sign", [":", ";", "?", "%", "»"])
def test_french_signs_never_start_a_line(sign):
    for key, text in Words.load("fr").entries.items():
        assert f" {sign}" not in text, key
