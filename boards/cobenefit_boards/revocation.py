"""Who no longer connects: single nodes, or all that a batch's authority has signed.

The broker has two files: `cafile`, the certificates of the authorities it trusts, and `crlfile`,
a list of revoked certificates from each. An authority that is revoked itself is in neither.
"""

from pathlib import Path

from cryptography import x509

from cobenefit_boards import authority
from cobenefit_boards.authority import AuthorityError
from cobenefit_boards.batch_authority import BATCHES
from cobenefit_boards.private_file import write_synced

_REVOKED = "revoked.txt"


def revoke(fleet: Path, certificates: list[bytes], days: float = 30.0) -> bytes:
    """Add certificates to those that are revoked, and return the lists of all.

    Parameters
    ----------
    fleet : Path
        The operator's authority; remembers the numbers, and has the new `broker.pem` after.
    certificates : list of bytes
        DER or PEM, of nodes, brokers or authorities of batches; may be empty, for a fresh list.
    days : float
        Until the next list must be there, > 0; brokers refuse everybody after that. [d]

    Returns
    -------
    bytes
        PEM, a list per authority that is trusted.

    Raises
    ------
    AuthorityError
        If one is no certificate, or of another authority.
    """
    folders = [fleet, *sorted(path.parent for path in fleet.glob(f"{BATCHES}/*/ca.pem"))]
    made = {folder: authority.load(folder) for folder in folders}
    for raw in certificates:
        found = _certificate(raw)
        issuers = [f for f, one in made.items() if one.certificate.subject == found.issuer]
        if not issuers:
            raise AuthorityError(f"a certificate is not of this authority: {found.subject}")
        _remember(issuers[0], found.serial_number)
    out = _numbers(fleet)
    trusted = {f: m for f, m in made.items() if m.certificate.serial_number not in out}
    write_synced(fleet / "broker.pem", b"".join(one.pem()[0] for one in trusted.values()))
    lists = [authority.revoked(one, _numbers(f), days) for f, one in trusted.items()]
    return b"".join(lists)


def _numbers(folder: Path) -> list[int]:
    path = folder / _REVOKED
    return [int(number) for number in path.read_text().split()] if path.exists() else []


def _remember(folder: Path, number: int) -> None:
    if number not in _numbers(folder):
        write_synced(folder / _REVOKED, f"{number}\n".encode(), append=True)


def _certificate(raw: bytes) -> x509.Certificate:
    read = x509.load_pem_x509_certificate if raw[:1] == b"-" else x509.load_der_x509_certificate
    try:
        return read(raw)
    except ValueError as err:
        raise AuthorityError(f"not a certificate in DER or PEM: {err}") from err
