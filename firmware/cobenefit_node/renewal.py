"""A renewed certificate, with the key that belongs to it, unwrapped and tried in a TLS context.

MicroPython makes no key pairs, so the operator makes this one. It crosses the broker wrapped with
AES-256-CBC (NIST SP 800-38A, section 6.2) under a secret that only node and operator hold, inside
a command whose signature was verified before: nothing unauthentic is ever decrypted, so padding
tells a stranger nothing.
"""

from cobenefit_wire import command
from cobenefit_wire.hints import Any

SECRET_FILE = "device.secret"  # noqa: S105
_CBC = 2


def unwrap(content: bytes) -> tuple[bytes, ...]:
    """Return certificate, key and CA (b"": as before), DER; OSError, ValueError or WireError."""
    found = command.renewal(content)
    try:
        with open(SECRET_FILE, "rb") as f:
            secret = f.read()
    except OSError:
        raise ValueError("this node has no " + SECRET_FILE)  # noqa: B904
    if len(secret) != command.SECRET_BYTES:
        raise ValueError(SECRET_FILE + " is not 32 bytes long")
    key = unpad(_aes(secret, found.iv).decrypt(found.wrapped))
    _try(found.certificate, key, found.authority)
    return found.certificate, key, found.authority


def unpad(data: bytes) -> bytes:
    """Return what PKCS #7 padded (RFC 5652, section 6.3); ValueError when it did not."""
    size = data[-1]
    if not 1 <= size <= 16 or data[-size:] != bytes((size,)) * size:
        raise ValueError("the key does not open with this node's secret")
    return data[:-size]


def _aes(secret: bytes, iv: bytes) -> Any:
    import cryptolib  # type: ignore[import-not-found,unused-ignore]

    return cryptolib.aes(secret, _CBC, iv)


def _try(certificate: bytes, key: bytes, authority: bytes) -> None:
    """Let TLS read them: ValueError for what it could not use."""
    import ssl

    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(certificate, key)
    if authority:
        context.load_verify_locations(cadata=authority)
