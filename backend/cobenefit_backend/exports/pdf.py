"""The report as PDF/UA-1, by Typst: the sentences, charts and tables of the page, on paper.

The same report gives the same bytes: no clock, no font of the machine. Typst refuses what a screen
reader could not read (a picture without its text, a skipped heading).
"""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst
from markupsafe import Markup

from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.render import STYLE, Edition
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Language

TEMPLATE = (Path(__file__).parent / "report.typ").read_bytes()
STANDARD = "ua-1"
#: Words of the catalogue that the template prints by themselves.
_WORDS = (
    "report", "summary", "shared_cautions", "disqualifications", "zero", "waterfall",
    "waterfall_step", "waterfall_amount", "how", "how_factors", "data", "factors", "about",
    "about_method", "column_study", "column_evidence", "net",
)  # fmt: skip
Pictures = dict[str, bytes]
_ALT = re.compile(r'aria-label="([^"]*)"')
_VARIABLE = re.compile(r"--([a-z]+):([^;}]+)")


def pdf_file(report: Report, language: Language) -> bytes:
    """Return the report as a PDF that assistive technology can read.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.

    Returns
    -------
    bytes
        PDF/UA-1 (ISO 14289-1:2014); the same report gives the same bytes.
    """
    edition = Edition(report, language)
    pictures: Pictures = {}
    content = _content(edition, pictures)
    files = {
        "main": TEMPLATE,
        "content.json": json.dumps(content, ensure_ascii=False).encode(),
        **pictures,
    }
    return bytes(
        typst.compile(  # type: ignore[call-overload]  # its stubs lack files by name
            files, format="pdf", pdf_standards=[STANDARD], ignore_system_fonts=True
        )
    )


def _content(edition: Edition, pictures: Pictures) -> dict[str, Any]:
    """Return everything the template prints, written in the reader's language."""
    words, report = edition.w, edition.report
    made_from = report.generated_from
    about = words(
        "about_text",
        code=made_from["code_version"],
        factors=made_from["factor_set"]["version"],
        factors_sha=made_from["factor_set"]["sha256"],
        data_sha=made_from["data_sha256"],
    )
    return {
        "language": edition.language,
        "tenant": edition.tenant,
        "words": {key: words(key) for key in _WORDS},
        "opening": edition.opening,
        "shared": edition.shared,
        "sections": [
            {
                "title": words(f"section_{name}"),
                "note": words(f"section_{name}_note"),
                "cases": [_case(view, edition, pictures) for view in views],
            }
            for name, views in edition.sections
        ],
        "data": _data(edition),
        "factors": _factors(edition),
        "about": about,
    }


def _case(view: CaseView, edition: Edition, pictures: Pictures) -> dict[str, Any]:
    words = edition.w
    unit, steps = view.waterfall()
    notes = [text for text in view.footprint_notes() if text not in edition.shared]
    shown = view.shown is not None
    return {
        "kind": view.use_case,
        "title": view.title,
        "lead": view.sentence(),
        "evidence": view.evidence_sentence(),
        "caption": view.caption if shown else "",
        "value": view.central(),
        "tone": view.tone,
        "chips": ", ".join(view.labels),
        "zero": bool(view.shown and view.shown.contains_zero),
        "bar": _picture(view.bar(), pictures),
        "interval": view.interval(),
        "small": [text for text in (view.marginal(), view.truncation()) if text],
        "cautions": [text for text in view.cautions() if text not in edition.shared],
        "panels": [_panel(panel, pictures) for panel in edition.panels(view)],
        "fall_caption": words("waterfall_unit", unit=unit) if steps else "",
        "fall": [[step.name, _picture(step.bar, pictures), step.amount] for step in steps],
        "fall_sentence": view.waterfall_sentence(),
        "notes": " ".join(notes),
        "how": edition.computation(view),
        "cited": [list(pair) for pair in edition.cited(view)],
        "attribution": words("attribution", text=view.case.attribution)
        if view.case.attribution
        else "",
    }


def _panel(panel: Panel, pictures: Pictures) -> dict[str, Any]:
    return {
        "title": panel.title,
        "sentence": panel.sentence,
        "chart": _picture(panel.chart, pictures),
        "head": list(panel.head),
        "rows": [list(row) for row in panel.rows],
    }


def _picture(drawing: Markup, pictures: Pictures) -> dict[str, str] | None:
    """Keep a drawing as a file of its own; return its name and what it shows."""
    if not drawing:
        return None
    name = f"{len(pictures)}.svg"
    inside = f'<svg xmlns="http://www.w3.org/2000/svg"{drawing.removeprefix("<svg")}'
    pictures[name] = inside.replace(">", f"><style>{_PRINT_STYLE}</style>", 1).encode()
    found = _ALT.search(drawing)
    return {"file": name, "alt": html.unescape(found[1]) if found else ""}


def _print_style(style: str) -> str:
    """Return the style sheet in its light colours, without variables and media queries."""
    colours = dict(_VARIABLE.findall(style[: style.index("}")]))
    rules = [rule for rule in style.splitlines() if not rule.startswith(("@", ":root"))]
    return re.sub(r"var\(--([a-z]+)\)", lambda found: colours[found[1]], "".join(rules))


_PRINT_STYLE = _print_style(STYLE)


def _data(edition: Edition) -> dict[str, Any]:
    words, form, data = edition.w, edition.f, edition.report.data
    keys = ("device", "channel", "stored", "expected", "quarantined", "lost")
    sentence = words(
        "data_sentence",
        stored=form.exact(data["stored"]),
        quarantined=form.exact(sum(data["quarantined"].values())),
        lost=form.exact(data["lost"]),
    )
    rows = [
        [
            row["device"] or "–",
            row["channel"] or "–",
            form.exact(row["stored"]),
            form.exact(row["expected"]),
            _refused(row["quarantined"], edition),
            form.exact(row["lost"]),
        ]
        for row in data["series"]
    ]
    return {"sentence": sentence, "head": [words(f"data_{key}") for key in keys], "rows": rows}


def _refused(counts: Mapping[str, int], edition: Edition) -> str:
    written = [f"{edition.reason(name)}: {edition.f.exact(n)}" for name, n in counts.items()]
    return "; ".join(written) or edition.w("data_none")


def _factors(edition: Edition) -> dict[str, Any]:
    words, form = edition.w, edition.f
    groups = [
        {
            "source": f"{source['source']} ({source['publisher']}; {source['licence']})",
            "rows": [[row["id"], _range(row, form), _place(row)] for row in rows],
        }
        for source, rows in edition.sources
    ]
    return {
        "sentence": words("factors_sentence", count=len(edition.report.factors)),
        "head": [words(f"factors_{key}") for key in ("id", "value", "place")],
        "groups": groups,
    }


def _range(row: Mapping[str, Any], form: Formatter) -> str:
    low, high = form.precise(row["low"]), form.precise(row["high"])
    return f"{form.exact(row['value'])} ({low} – {high}) {row['unit']}"


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['geography']}, {row['year']}"
