"""HTTP to a provider: a time-out, a deadline, a largest answer, no redirect, few at a time."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from cobenefit_backend.access.oidc_config import safe
from cobenefit_backend.access.oidc_errors import SignInError

TIMEOUT_S = 5.0
DEADLINE_S = 10.0
MAX_BYTES = 262_144
AT_ONCE = 4
"""A provider that hangs must not hold the threads that serve everyone else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said.

    Parameters
    ----------
    status : int
        HTTP status. [1]
    media_type : str
        Media type, without its parameters.
    body : bytes
        Body.
    """

    status: int
    media_type: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the object of the body; `SignInError` when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SignInError("down", f"no JSON object, HTTP {self.status}") from error


class Fetcher:
    """Asks a provider, never for long.

    Parameters
    ----------
    timeout_s : float, optional
        Longest silence. [s]
    deadline_s : float, optional
        Longest answer. [s]
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, deadline_s: float = DEADLINE_S) -> None:
        self._timeout_s, self._deadline_s = timeout_s, deadline_s
        self._verify = httpx.create_ssl_context()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def send(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: str = ""
    ) -> Answer:
        """Send a request and return the answer.

        Parameters
        ----------
        method : str
            GET or POST.
        url : str
            Where to; https, or loopback.
        headers : dict, optional
            Headers.
        body : str, optional
            Form to send.

        Returns
        -------
        Answer
            The answer.

        Raises
        ------
        SignInError
            `down` when there is none in time, or it is too large; `busy` when others wait.
        """
        if not safe(url):
            raise SignInError("down", f"not https: {url[:200]}")
        if not self._places.acquire(blocking=False):
            raise SignInError("busy", "too many wait for the provider")
        try:
            return self._send(method, url, headers or {}, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SignInError("down", f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            self._places.release()

    def _send(self, method: str, url: str, headers: dict[str, str], body: str) -> Answer:
        end_s = time.monotonic() + self._deadline_s
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        client = httpx.Client(verify=self._verify, timeout=self._timeout_s)
        with client, client.stream(method, url, headers=headers, content=body or None) as answer:
            data = bytearray()
            for chunk in answer.iter_raw():
                data += chunk
                if len(data) > MAX_BYTES or time.monotonic() > end_s:
                    raise SignInError("down", f"{url[:200]}: more than {MAX_BYTES} B or too slow")
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(answer.status_code, kind, bytes(data))
