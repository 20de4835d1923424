"""When certificates end: just enough DER to read one date, so that no library is needed.

>>> not_after_ms(pem_or_der)  # doctest: +SKIP
1893456000000
"""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _VERSION = 0x30, 0x17, 0xA0


def not_after_ms(data: bytes) -> int:
    """Return when the first certificate in a file ends.

    Parameters
    ----------
    data : bytes
        PEM, or DER.

    Returns
    -------
    int
        Its notAfter (RFC 5280 section 4.1.2.5). [Unix ms]

    Raises
    ------
    ValueError
        If there is no certificate in it.
    """
    pem = _PEM.search(data)
    try:
        return _not_after(base64.b64decode(pem[1]) if pem else data)
    except (IndexError, ValueError) as err:
        raise ValueError("no X.509 certificate in PEM or DER") from err


def expiries(paths: list[str], folder: Path) -> dict[str, int | None]:
    """Return when each certificate of some patterns ends.

    Parameters
    ----------
    paths : list of str
        Files or patterns with ``*``, relative to `folder` or absolute.
    folder : Path
        Where the configuration is.

    Returns
    -------
    dict
        Unix ms by path; None where there is no readable certificate.
    """
    found: dict[str, int | None] = {}
    for pattern in paths:
        full = folder / pattern
        anchor = Path(full.anchor)
        files = sorted(anchor.glob(str(full.relative_to(anchor)))) or [full]
        for file in files:
            try:
                found[str(file)] = not_after_ms(file.read_bytes())
            except (OSError, ValueError):
                found[str(file)] = None
    return found


def _not_after(der: bytes) -> int:
    # Certificate > TBSCertificate > [version] serial signature issuer validity: notBefore notAfter
    tbs, _ = _enter(der, 0, _SEQUENCE)
    at, _ = _enter(der, tbs, _SEQUENCE)
    if der[at] == _VERSION:
        at = _after(der, at)
    for _ in range(3):
        at = _after(der, at)
    not_before, _ = _enter(der, at, _SEQUENCE)
    not_after = _after(der, not_before)
    start, end = _value(der, not_after)
    text = der[start:end].decode("ascii")
    if der[not_after] == _UTC_TIME:  # two digits of the year: 50 to 99 are 19xx
        text = ("19" if text[:2] >= "50" else "20") + text
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000


def _value(der: bytes, at: int) -> tuple[int, int]:
    # Where the value of the element at `at` starts and ends.
    length = der[at + 1]
    start = at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    if start + length > len(der):
        raise ValueError("cut short")
    return start, start + length


def _enter(der: bytes, at: int, tag: int) -> tuple[int, int]:
    if der[at] != tag:
        raise ValueError("not what was expected")
    return _value(der, at)


def _after(der: bytes, at: int) -> int:
    return _value(der, at)[1]
