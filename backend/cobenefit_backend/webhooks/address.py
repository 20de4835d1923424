"""The guard of addresses: a webhook never reaches into the network its server stands in.

A name is resolved once for each attempt, every address it has must be public, and the connection
goes to that very address: a name that changes its mind in between gains nothing.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from cobenefit_backend.errors import RequestError

MAX_LENGTH = 500
_PORTS = {"https": 443, "http": 80}


def check(url: str, *, private: bool) -> None:
    """Refuse an address that could never be delivered to.

    Parameters
    ----------
    url : str
        Where events shall go.
    private : bool
        Whether plain HTTP and addresses of the server's own network are allowed.

    Raises
    ------
    RequestError
        422 with what is allowed.
    """
    if found := fault(url, private=private):
        raise RequestError(422, "url", f"url: {found[1]}")


def fault(url: str, *, private: bool) -> tuple[str, str] | None:
    """Return why an address could never be delivered to.

    Parameters
    ----------
    url : str
        Where events shall go.
    private : bool
        Whether plain HTTP and addresses of the server's own network are allowed.

    Returns
    -------
    tuple of str or None
        A short stable word for pages (`form`, `scheme`, `host`, `private`) and what is allowed;
        None when there is nothing to say.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return "form", f"{error}"
    if len(url) > MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        text = f"write at most {MAX_LENGTH} printable ASCII characters, without spaces"
        return "form", text
    if parts.scheme not in (("https", "http") if private else ("https",)):
        return "scheme", "it must start with https://"
    if not parts.hostname or parts.username or parts.fragment or port == 0:
        return "host", "write https://HOST/PATH, without user, password or fragment"
    if _is_literal(parts.hostname) and not private and not _public(parts.hostname):
        return "private", f"{parts.hostname} is an address of a private network"
    return None


async def resolve(url: str, *, private: bool) -> str:
    """Return the IP address to connect to.

    Parameters
    ----------
    url : str
        A checked address.
    private : bool
        Whether addresses of the server's own network are allowed.

    Returns
    -------
    str
        An IPv4 or IPv6 address.

    Raises
    ------
    OSError
        The name is not known.
    PermissionError
        One of its addresses is not public.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not private and (refused := [each for each in addresses if not _public(each)]):
        raise PermissionError(f"{parts.hostname} is {refused[0]}, an address of a private network")
    return addresses[0]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _public(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    found = (address, inner) if inner else (address,)
    return all(each.is_global and not each.is_multicast for each in found)
