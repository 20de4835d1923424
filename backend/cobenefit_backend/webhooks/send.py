"""One attempt to deliver one message, within a time that nothing the receiver does can stretch."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from cobenefit_backend.webhooks import address

TIMEOUT_S = 15.0
LONGEST_WAIT_S = 86_400


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Parameters
    ----------
    delivered : bool
        Whether the receiver answered 2xx.
    reason : str
        What went wrong; empty when nothing did.
    gone : bool
        Whether the receiver wants no more.
    wait_s : int
        How long the receiver asks to wait; 0 when it says nothing. [s]
    """

    delivered: bool
    reason: str = ""
    gone: bool = False
    wait_s: int = 0


async def send(
    url: str, headers: dict[str, str], body: bytes, *, private: bool, timeout_s: float = TIMEOUT_S
) -> Outcome:
    """Send a body once and say how that ended; redirects are not followed.

    Parameters
    ----------
    url : str
        Checked address.
    headers : dict
        From `sign.headers`.
    body : bytes
        What was signed.
    private : bool
        Whether addresses of the server's own network are allowed.
    timeout_s : float, optional
        For everything: name, connection, answer. [s]

    Returns
    -------
    Outcome
        Never an exception of the network.
    """
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            return await _post(url, headers, body, private=private)
    except TimeoutError:
        return Outcome(False, f"no answer within {time.monotonic() - started:.0f} s")
    except PermissionError as error:
        return Outcome(False, f"{error}")
    except (OSError, httpx.HTTPError) as error:
        return Outcome(False, f"{type(error).__name__}: {error}"[:300])


async def _post(url: str, headers: dict[str, str], body: bytes, *, private: bool) -> Outcome:
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = await address.resolve(url, private=private)
    target = httpx.URL(url).copy_with(host=found)
    shown = {**headers, "host": parts.netloc}
    extensions = {"sni_hostname": host} if parts.scheme == "https" else {}
    trust = ssl.create_default_context()  # of the system, where a municipality has its own CA
    # No proxy of the environment: it would resolve the name again.
    async with (
        httpx.AsyncClient(verify=trust, trust_env=False, timeout=None) as client,  # noqa: S113  bounded above
        client.stream(
            "POST", target, content=body, headers=shown, extensions=extensions
        ) as answer,
    ):
        return _judged(answer)


def _judged(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    if answer.is_success:
        return Outcome(True)
    if status == HTTPStatus.GONE:
        return Outcome(False, "the receiver answered 410 Gone", gone=True)
    if answer.is_redirect:
        where = answer.headers.get("location", "")[:200]
        return Outcome(False, f"{status}: redirects are not followed; change the url to {where}")
    wait = answer.headers.get("retry-after", "")
    wait_s = min(int(wait), LONGEST_WAIT_S) if wait.isascii() and wait.isdigit() else 0
    return Outcome(False, f"the receiver answered {status}", wait_s=wait_s)
