"""Forms of our own pages that carry a file: `multipart/form-data` (RFC 7578), within the limit.

Usage in a route: `sent: Annotated[Upload, Depends(upload(Scope.DOCUMENT))]`. The page's
fields stand before its file, so that they are known even where the file is too large.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from cobenefit_backend.access import guard
from cobenefit_backend.access.credentials import Caller
from cobenefit_backend.access.roles import Scope
from cobenefit_backend.errors import RequestError

UPLOAD: dict[str, Any] = {
    "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}
}
"""How OpenAPI describes such a form; for `openapi_extra`."""
MAX_PARTS = 32
DRAINED = 16
"""So many times the limit is read on, and thrown away: a browser that is cut off while it sends
shows no answer."""
_NAME = re.compile(r'\bname="([^"]*)"')
_FILE = re.compile(r'\bfilename="([^"]*)"')


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
        body, whole = await _read(request, request.app.state.config.max_body_bytes)
        parts = parse(request.headers.get("content-type", ""), body)
        fields = {name: text.decode("utf-8", "replace") for name, (file, text) in parts.items()
                  if file is None}  # fmt: skip
        if not guard.bearer(request):  # a key is sent by purpose, a cookie by any page
            guard.check_form(request, fields.get("form", ""))
        name, content = next(((n, c) for n, c in parts.values() if n is not None), ("", b""))
        name = re.split(r"[/\\]", name or "")[-1]
        return Upload(caller, fields, name, content if whole else b"", too_large=not whole)

    sent.__dict__["scope"] = scope
    return sent


def parse(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """Return the parts of a form by their names.

    Parameters
    ----------
    content_type : str
        Header of the request, with the boundary.
    body : bytes
        The body; one that was cut off has its last part as far as it goes.

    Returns
    -------
    dict
        Name of the file, None for a plain field, and content; the first of a name. [B]

    Raises
    ------
    RequestError
        422 for another type, or too many parts.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary("")
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise RequestError(422, "form", "send multipart/form-data, as the form of the page does")
    mark = b"\r\n--" + boundary.encode("ascii", "replace")
    _, *sections = (b"\r\n" + body).split(mark, MAX_PARTS + 1)
    if len(sections) > MAX_PARTS:
        raise RequestError(422, "form", f"send at most {MAX_PARTS} fields")
    parts: dict[str, tuple[str | None, bytes]] = {}
    for section in sections:
        head, _, content = section.partition(b"\r\n\r\n")
        told = head.decode("utf-8", "replace")
        if name := _NAME.search(told):
            file = _FILE.search(told)
            parts.setdefault(name[1], (file and file[1], content))
    return parts


async def _read(request: Request, limit: int) -> tuple[bytes, bool]:
    """Return the body up to the limit, and whether that is all of it."""
    data, more = bytearray(), 0
    async for chunk in request.stream():
        room = limit - len(data)
        data += chunk[:room]
        more += max(len(chunk) - room, 0)
        if more > DRAINED * limit:
            raise RequestError(413, "too-large", f"send at most {limit} bytes at a time")
    return bytes(data), more == 0
