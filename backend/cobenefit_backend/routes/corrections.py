"""The correction log as a page, with a form to take each correction back."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access.guard import now_ms
from cobenefit_backend.access.roles import SCOPES, Scope
from cobenefit_backend.errors import RequestError
from cobenefit_backend.imports import log
from cobenefit_backend.imports.batches import Imports
from cobenefit_backend.pages import frame
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Words
from cobenefit_backend.routes import forms
from cobenefit_backend.routes.pages import SignedIn

if TYPE_CHECKING:
    from cobenefit_backend.access.credentials import Caller
    from cobenefit_backend.store import Store

router = APIRouter(tags=["report"])
Officer = Annotated[forms.Filled, Depends(forms.form(Scope.DOCUMENT))]
Row = dict[str, Any]
_UNDO = {log.IMPORT: ("import", "reference"), log.EXCLUDE: ("exclusion", "id")}


@router.get("/corrections", response_class=HTMLResponse)
def get_corrections_page(request: Request, tenant: SignedIn) -> Response:
    """Show who changed what was measured and why."""
    language = frame.language_of(request)
    if tenant is None:
        return frame.sign_in(request)
    caller: Caller | None = request.app.state.guard.identify(request)
    store: Store = request.app.state.store
    held = {row["id"] for row in store.corrections(tenant)}
    formatter = Formatter(language)
    rows = [_shown(row, formatter, row["id"] in held) for row in log.lines(store.database, tenant)]
    content = frame.html(
        "corrections", language, Words.load(language)("corrections"), rows=rows, held=len(held),
        caller=caller, may=caller is not None and Scope.DOCUMENT in SCOPES[caller.role],
        form=forms.token(request),
    )  # fmt: skip
    return frame.answer(content, language)


@router.post("/corrections", openapi_extra=forms.FORM)
async def post_correction_form(request: Request, filled: Officer) -> Response:
    """Undo an import, or put back what was left out."""
    store: Store = request.app.state.store
    tenant, who = filled.caller.tenant, str(filled.caller)
    number = filled.fields.get("exclusion", "")

    def undo() -> None:
        if found := filled.fields.get("import"):
            Imports(store.database).undo(tenant, found, by=who, now_ms=now_ms())
        elif number.isdecimal() and len(number) < 10:
            log.restore(store.database, tenant, int(number), why="", who=who, t_ms=now_ms())
        else:
            raise RequestError(422, "form", "name an import or an exclusion")

    await run_in_threadpool(undo)
    return RedirectResponse(f"/corrections?lang={frame.language_of(request)}", status_code=303)


def _shown(row: Row, formatter: Formatter, held: bool) -> Row:
    field, name = _UNDO.get(row["kind"], ("", "id")) if held else ("", "id")
    return {
        **row,
        "when": _day(row["t_ms"], formatter),
        "period": " – ".join(_day(row[key], formatter) for key in ("start_ms", "end_ms")),
        "series": "/".join(row[key] for key in ("site", "device", "channel")),
        "field": field,
        "value": row[name],
    }


def _day(t_ms: int, formatter: Formatter) -> str:
    return formatter.day(datetime.fromtimestamp(t_ms / 1000, UTC).date().isoformat())
