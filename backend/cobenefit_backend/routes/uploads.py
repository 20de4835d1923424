"""Forms of our own pages that carry a file: `multipart/form-data` (RFC 7578), within the limit.

Usage in a route: `sent: Annotated[Upload, Depends(upload(Scope.DOCUMENT))]`. The page's
fields stand before its file, so that they are known even where the file is too large.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError

UPLOAD: dict[str, Any] = {
    "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}
}
"""How OpenAPI describes such a form; for `openapi_extra`."""
MAX_FIELDS = 32
DRAINED = 16
"""So many times the limit is read on, and thrown away: a browser that is cut off while it sends
shows no answer."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file that someone signed in has sent.

    Parameters
    ----------
    caller : Caller
        Who; their role has the scope that was asked.
    fields : dict
        What they wrote.
    file : str
        Name of the file, without folders; empty when none was chosen.
    content : bytes
        The file. [B]
    too_large : bool
        Whether it was more than the server takes; then there is no content.
    """

    caller: Caller
    fields: dict[str, str]
    file: str
    content: bytes
    too_large: bool = False


def upload(scope: Scope) -> Callable[[Request], Awaitable[Upload]]:
    """Return the dependency that lets the form of a signed-in role with a scope pass.

    Parameters
    ----------
    scope : Scope
        What the route asks.

    Returns
    -------
    callable
        For `Depends`.
    """

    async def sent(request: Request) -> Upload:
        found: guard.Guard = request.app.state.guard
        caller = await run_in_threadpool(found.signed_in, request, scope)
        body = _Body(request.stream(), request.app.state.config.max_body_bytes)
        fields, file, content = await read(
            request.headers.get("content-type", ""), body.up_to_limit()
        )
        if not guard.bearer(request):  # a key is sent by purpose, a cookie by any page
            guard.check_form(request, fields.get("form", ""))
        too_large = body.more > 0
        return Upload(caller, fields, file, b"" if too_large else content, too_large)

    sent.__dict__["scope"] = scope
    return sent


async def read(kind: str, body: AsyncGenerator[bytes, None]) -> tuple[dict[str, str], str, bytes]:
    """Return what a form says.

    Parameters
    ----------
    kind : str
        Header `content-type` of the request; it has the boundary.
    body : async generator of bytes
        The body; of one that was cut off, the parts that are whole.

    Returns
    -------
    tuple
        The fields, the first of a name; name of the file without folders, and the file, both
        empty where none was chosen. [-, -, B]

    Raises
    ------
    RequestError
        422 for another type, what is not well formed, or too many parts.
    """
    if not kind.startswith("multipart/form-data"):
        raise RequestError(422, "form", "send multipart/form-data, as the form of the page does")
    fields: dict[str, str] = {}
    files: list[File] = []
    try:
        parser = FormParser(
            "multipart/form-data", lambda found: _take(found, fields), files.append,
            boundary=parse_options_header(kind)[1].get(b"boundary"),
            config={"MAX_MEMORY_FILE_SIZE": float("inf")},  # the disk holds no copy of readings
        )  # fmt: skip
        async for chunk in body:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        text = f"{error}: send multipart/form-data, as the form of the page does"
        raise RequestError(422, "form", text) from error
    if not files:
        return fields, "", b""
    name = (files[0].file_name or b"").decode("utf-8", "replace")
    files[0].file_object.seek(0)
    return fields, re.split(r"[/\\]", name)[-1], files[0].file_object.read()


def _take(found: Field, fields: dict[str, str]) -> None:
    if len(fields) >= MAX_FIELDS:
        raise FormParserError(f"more than {MAX_FIELDS} fields")
    name = (found.field_name or b"").decode("utf-8", "replace")
    fields.setdefault(name, (found.value or b"").decode("utf-8", "replace"))


class _Body:
    """A body up to the limit; what is `more` is read too, and thrown away [B]."""

    def __init__(self, stream: AsyncGenerator[bytes, None], limit: int) -> None:
        self._stream, self._limit = stream, limit
        self.more = 0

    async def up_to_limit(self) -> AsyncGenerator[bytes, None]:
        left = self._limit
        async for chunk in self._stream:
            if left:
                yield chunk[:left]
            self.more += max(len(chunk) - left, 0)
            left = max(left - len(chunk), 0)
            if self.more > DRAINED * self._limit:
                text = f"send at most {self._limit} bytes at a time"
                raise RequestError(413, "too-large", text)
