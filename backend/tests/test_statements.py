"""The statements say what was seen, in both languages, and a fault does not pass for none."""

import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "statements"
DAY = date(2026, 11, 22)


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("make", "look", "shoot", "town"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import make

    yield make
    for name in ("make", "look", "shoot", "town"):
        sys.modules.pop(name, None)


def _seen(make, language, **changed):
    values = {
        "address": f"/data?lang={language}", "route": "/data", "language": language,
        "title": {"en": "Data", "fr": "Données"}[language], "found": Counter(),
        "unsure": Counter({"color-contrast": 1234}), "rules": 31, "axe": "4.12.1",
        "counts": {"nodes": 1500, "scripts": 0, "fonts": 0, "images": 0, "moving": 0},
        "own_bytes": 20_001, "packed_bytes": 6_000, "asked": ("http://town/data",),
        "cache": "private, no-cache", "wide_px": 320, "said": (),
    }  # fmt: skip
    return make.Seen(**{**values, **changed})


@pytest.mark.parametrize("language", ["en", "fr"])
def test_figures_come_from_what_was_seen(make, language, capsys):
    facts = make._facts([_seen(make, each) for each in ("en", "fr")], "http://town", "156.0.1")
    thousands = {"en": ("1,500", "2,468"), "fr": ("1\u202f500", "2\u202f468")}[language]
    accessibility = make.render("accessibility", language, facts, DAY)
    for words in ("4.12.1", "Chromium 156", "2026-11-22", "| 31 | 0 | 0 |", thousands[1]):
        assert words in accessibility
    assert {"en": "no violation", "fr": "aucun défaut"}[language] in accessibility
    design = make.render("ecodesign", language, facts, DAY)
    assert f"| `/data` | 21 | 6 | 1 | {thousands[0]} |" in design
    assert make._amiss(facts) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"found": Counter({"image-alt": 3})}, ("violations in 3 places", "`image-alt` 3")),
        ({"wide_px": 321}, ("too wide: /data?lang=fr",)),
        ({"said": ("refused a style",)}, ("refused a style",)),
        ({"own_bytes": 100_001}, ()),
        ({"asked": ("http://town/data", "http://elsewhere/a.js", "http://town/x")}, ()),
    ],
)
def test_what_breaks_a_rule_is_said_and_fails(make, changed, words, capsys):
    pages = [_seen(make, "en"), _seen(make, "fr", **changed)]
    facts = make._facts(pages, "http://town", "156.0.1")
    text = make.render("accessibility", "en", facts, DAY)
    assert all(each in text for each in words)
    assert make._amiss(facts) == 1
    assert capsys.readouterr().err
