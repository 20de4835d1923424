"""Records to pages: Jinja2 templates, one small style sheet, no script, nothing from elsewhere.

`html_file` is the self-contained report; `page` is one page of the server. Both use the same
templates and carry a content security policy that allows the style sheet by its hash only.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cobenefit_backend.report import weights
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.panels import Panel, computation, panels
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.report.view import CaseView, total_sentences
from cobenefit_backend.report.words import LANGUAGES, Language, Words

FOLDER = Path(__file__).parent / "templates"
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8").strip()
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""Content security policy of every page."""
STUDIES_AT_ONCE = 4
ROWS_AT_ONCE = 100
"""How much of a long report a page of the server shows, to stay below 100 kB."""
PageName = Literal["report", "data", "factors"]
NAV = (
    ("portfolio", "/"),
    ("report", "/report"),
    ("versions", "/report/versions"),
    ("targets", "/targets"),
    ("data", "/data"),
    ("fleet", "/fleet"),
    ("factors", "/factors"),
    ("login", "/login"),
)
"""The pages of the server: `nav_…` key of the catalogue and address, as every page lists them."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Edition:
    """A report in one language, ready for the templates.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.
    study : str, optional
        Only this study; empty for all.
    start : int, optional
        Show a part, from this study or row on; None shows all.
    """

    def __init__(
        self, report: Report, language: Language, *, study: str = "", start: int | None = None
    ) -> None:
        self.report = report
        self.w = Words.load(language)
        self.f = Formatter(language)
        self.reader = Reader(self.w, self.f)
        self.start = start
        cases = [case for case in report.cases if not study or case.study == study]
        self.cases = [CaseView(case, self.reader) for case in self.part(cases, STUDIES_AT_ONCE)]
        self.factors = {row["id"]: row for row in report.factors}
        self.shared = self._shared()

    def _shared(self) -> list[str]:
        """Return what is true of every study, said once; nothing where there is only one."""
        if len(self.cases) < 2:
            return []
        texts = [[*view.cautions(), *view.footprint_notes()] for view in self.cases]
        return [text for text in texts[0] if all(text in other for other in texts[1:])]

    def part(self, items: Sequence[Any], size: int = ROWS_AT_ONCE) -> Sequence[Any]:
        """Return the items that are shown: all of them, or so many from the start on.

        Parameters
        ----------
        items : sequence
            What there is.
        size : int, optional
            How many fit; half as many again are shown rather than cut. [1]

        Returns
        -------
        sequence
            The part.
        """
        if self.start is None or len(items) <= size * 3 // 2:
            return items
        return items[self.start : self.start + size]

    @property
    def language(self) -> Language:
        """The language."""
        return self.w.language

    @property
    def other(self) -> Language:
        """The other language."""
        return next(item for item in LANGUAGES if item != self.language)

    @property
    def tenant(self) -> str:
        """Name of the tenant."""
        return self.report.names[self.language]

    @property
    def opening(self) -> list[str]:
        """Sentences that open the report."""
        return total_sentences(self.report, self.reader)

    @property
    def sections(self) -> list[tuple[str, list[CaseView]]]:
        """Measured cases first, modelled and synthetic ones apart; empty sections left out."""
        measured = [view for view in self.cases if _measured(view.case)]
        apart = [view for view in self.cases if not _measured(view.case)]
        return [(name, v) for name, v in (("counted", measured), ("apart", apart)) if v]

    @property
    def sources(self) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """The factors by their source, in the order of the factor ids."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in self.report.factors:
            groups.setdefault(row["source"] + row["licence"], []).append(dict(row))
        return [(rows[0], rows) for rows in groups.values()]

    def cited(self, view: CaseView) -> list[tuple[str, str]]:
        """Return the factors of a case by source and year; a family shares its first words."""
        groups: dict[str, dict[str, list[str]]] = {}
        for name in view.case.estimate.factor_ids:
            row = self.factors[name]
            first, second, *rest = name.split(".")
            families = groups.setdefault(f"{row['source']}, {row['year']}", {})
            families.setdefault(f"{first}.{second}", []).append(".".join(rest))
        return [
            (source, ", ".join(_family(*item) for item in families.items()))
            for source, families in groups.items()
        ]

    def panels(self, view: CaseView) -> list[Panel]:
        """Return the charts of a case."""
        return panels(view)

    def computation(self, view: CaseView) -> list[str]:
        """Return the equation of a case in numbers."""
        return computation(view, self.factors)

    @staticmethod
    def break_even(view: CaseView) -> list[str]:
        """Return when a case has paid back, in sentences."""
        return weights.break_even(view)

    @staticmethod
    def tornado(view: CaseView) -> tuple[str, list[weights.Weight]]:
        """Return what a case hangs on."""
        return weights.tornado(view)

    @staticmethod
    def sensitivity(view: CaseView) -> list[tuple[str, str]]:
        """Return the net under other assumptions."""
        return weights.sensitivity(view)

    def weakness(self, status: str) -> str:
        """Return how a factor was read, in words, where that is no primary source."""
        return self.w(f"status_{status}") if status in weights.WEAK_STATUS else ""

    def reason(self, code: str) -> str:
        """Return a quarantine reason in words."""
        return self.w.either(f"reason.{code}", code)


def _family(name: str, members: list[str]) -> str:
    if len(members) == 1:
        return f"{name}.{members[0]}".rstrip(".")
    return f"{name}.{{{', '.join(members)}}}"


def _measured(case: Case) -> bool:
    return case.estimate.data_origin == "measured"


def html_file(report: Report, language: Language, other: str = "") -> str:
    """Return the report as one self-contained page.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.
    other : str, optional
        Name of the same report in the other language beside it, for the switch.

    Returns
    -------
    str
        HTML; no resource is fetched.
    """
    return _render("file.html.j2", e=Edition(report, language), other=other)


def page(report: Report, name: PageName, language: Language, start: int = 0) -> str:
    """Return one page of the server.

    Parameters
    ----------
    report : Report
        The report.
    name : {'report', 'data', 'factors'}
        Which page.
    language : {'en', 'fr'}
        Its language.
    start : int, optional
        First study or row shown of a long report, counted from 0. [1]

    Returns
    -------
    str
        HTML.
    """
    return _render("page.html.j2", e=Edition(report, language, start=start), name=name, nav=NAV,
        studies_at_once=STUDIES_AT_ONCE, rows_at_once=ROWS_AT_ONCE,
    )  # fmt: skip


def json_file(report: Report) -> str:
    """Return `report.json`: every figure in full, keys in a fixed order."""
    return json.dumps(report.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _render(template: str, **values: Any) -> str:
    context = {
        "style": Markup(STYLE),  # noqa: S704  our own file, allowed by its hash
        "policy": POLICY,
        **values,
    }
    html = _environment().get_template(template).render(context)
    return re.sub(r"\s*\n\s*", "\n", html).lstrip()
