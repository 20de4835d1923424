"""What routes share: reading a body within its limit, and describing what they refuse."""

from typing import Any

from fastapi import Request

from cobenefit_backend.errors import RequestError

_REFUSALS = {
    400: "The query or path is not well formed",
    401: "No credential, or an unknown one",
    403: "The credential belongs to another tenant, or its role may not",
    404: "No such thing in this tenant",
    409: "It contradicts what is stored",
    413: "Body larger than server.max_body_bytes",
    422: "The body breaks the schema",
    429: "Too many requests: wait as Retry-After says",
    501: "The standard has it, this service has not",
}


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes refusals.

    Parameters
    ----------
    *codes : int
        HTTP status codes. [1]

    Returns
    -------
    dict
        Response objects by code.
    """
    content: dict[str, Any] = {"application/problem+json": {}}
    return {code: {"description": _REFUSALS[code], "content": content} for code in codes}


async def read_body(request: Request) -> bytes:
    """Return the body, or raise `RequestError` 413 as soon as it is too large."""
    limit = request.app.state.config.max_body_bytes
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise RequestError(413, "too-large", f"send at most {limit} bytes at a time")
    return bytes(data)
