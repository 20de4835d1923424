"""The frame of every page beside the report: header, navigation, style, policy, language.

A page is a template `pages/<name>.html.j2` that extends `frame.html.j2`, fills its block `content`
and uses `w` (words), `f` (formatter) and the macros of the report's `parts.html.j2`.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cobenefit_backend.report import render
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import LANGUAGES, Language, Words, choose

FOLDER = Path(__file__).parent
STYLE = render.STYLE + (FOLDER / "style.css").read_text(encoding="utf-8").strip()
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'self'"
"""Content security policy of these pages: their forms come back here."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([FOLDER, render.FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(request: Request) -> Language:
    """Return the language of the answer: `?lang=`, else what the browser asks for."""
    return choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def sign_in(request: Request) -> RedirectResponse:
    """Lead who is not signed in to the page where they do."""
    return RedirectResponse(f"/login?lang={language_of(request)}", status_code=303)


def html(name: str, language: Language, title: str, *, owner: str = "", **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    name : str
        Its template without the ending; also its key in `render.NAV`, if it is there.
    language : {'en', 'fr'}
        Its language.
    title : str
        Its heading, and its title in the browser.
    owner : str, optional
        Name of the tenant, above the heading.
    **values
        What the template shows.

    Returns
    -------
    str
        HTML.
    """
    context = {
        "style": Markup(STYLE),  # noqa: S704  our own file, allowed by its hash
        "policy": POLICY,
        "nav": render.NAV,
        "name": name,
        "w": Words.load(language),
        "f": Formatter(language),
        "other": next(item for item in LANGUAGES if item != language),
        "title": title,
        "owner": owner,
        **values,
    }
    text = _environment().get_template(f"{name}.html.j2").render(context)
    return re.sub(r"\s*\n\s*", "\n", text).lstrip()


def answer(content: str, language: Language, *, status: int = 200) -> HTMLResponse:
    """Return a page as an answer, with the headers that pages have.

    Parameters
    ----------
    content : str
        HTML, see `html`.
    language : {'en', 'fr'}
        Its language.
    status : int, optional
        HTTP status. [1]

    Returns
    -------
    HTMLResponse
        The answer.
    """
    headers = {
        "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
        "Content-Language": language,
        "Vary": "Accept-Language, Authorization, Cookie",
        "Cache-Control": "private, no-cache",
    }
    return HTMLResponse(content, status_code=status, headers=headers)
