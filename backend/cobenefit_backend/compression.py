"""Compression of answers, where it can give nothing away.

The length of a compressed page tells how much of it repeats what the page was asked with (the
BREACH attack: Gluck, Harris, Prado, "BREACH: reviving the CRIME attack", 2013). A page for who is
signed in holds the secret token of its forms and echoes its filters, so what is asked with a
cookie stays as it is. A reverse proxy in front must keep to the same.
"""

from starlette.datastructures import Headers
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

SHORTEST_BYTES = 1000
LEVEL = 6
_PACKED = ("application/pdf", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


class Compression:
    """Compresses answers above 1 kB to requests without a cookie; what is packed stays so.

    Parameters
    ----------
    app : ASGIApp
        The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(
            app,
            minimum_size=SHORTEST_BYTES,
            compresslevel=LEVEL,
            exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *_PACKED),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, through the compressing or the plain way."""
        cookie = scope["type"] == "http" and "cookie" in Headers(scope=scope)
        await (self._app if cookie else self._compressing)(scope, receive, send)
