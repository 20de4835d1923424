"""The words of the product in English and French: a folder per language, the same keys.

>>> Words.load("fr")("net")
'Bénéfice net'
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Self, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
FOLDER = Path(__file__).parent / "catalogue"


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The catalogue of one language.

    Parameters
    ----------
    language : {'en', 'fr'}
        The language.
    entries : dict
        Sentence patterns by key.
    """

    language: Language
    entries: dict[str, str]

    @classmethod
    @cache
    def load(cls, language: Language) -> Self:
        """Return the catalogue of a language: its files, which share no key."""
        entries: dict[str, str] = {}
        for path in sorted((FOLDER / language).glob("*.toml")):
            more = tomllib.loads(path.read_text(encoding="utf-8"))
            if twice := entries.keys() & more.keys():
                raise ValueError(f"{path}: in another file too: {', '.join(sorted(twice))}")
            entries |= more
        if language == "fr":
            entries = {key: _french_spaces(text) for key, text in entries.items()}
        return cls(language, entries)

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with its values filled in; KeyError when the key is unknown."""
        return self.entries[key].format(**values)

    def either(self, key: str, fallback: str) -> str:
        """Return the entry of a key, or the fallback for a word of the data itself."""
        return self.entries.get(key, fallback)


def _french_spaces(text: str) -> str:
    """Put the unbreakable spaces of French typography before and after double signs."""
    for sign in (":", "»"):
        text = text.replace(f" {sign}", f"\u00a0{sign}")
    for sign in (";", "?", "!", "%"):
        text = text.replace(f" {sign}", f"\u202f{sign}")
    return text.replace("« ", "«\u00a0")


def choose(asked: str | None, accepted: str) -> Language:
    """Return the language of an answer.

    Parameters
    ----------
    asked : str or None
        Value of `?lang=`; holds when it is one of ours.
    accepted : str
        Accept-Language header (RFC 9110, 12.5.4).

    Returns
    -------
    {'en', 'fr'}
        The language asked for, else the most wanted of ours, else English.
    """
    for language in LANGUAGES:
        if asked == language:
            return language
    weights: dict[Language, float] = {}
    for item in accepted.split(","):
        tag, _, weight = item.strip().partition(";q=")
        for language in LANGUAGES:
            if tag.lower().partition("-")[0] == language:
                weights[language] = max(_quality(weight), weights.get(language, 0.0))
    return max(weights, key=lambda language: weights[language]) if weights else "en"


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
