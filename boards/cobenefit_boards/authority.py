"""The operator's small authority: EC P-256, ten years, in one folder that stays off the network.

ca.pem ca.key   the authority; the certificate goes to the broker, the key nowhere
ca.der          the certificate, for nodes
fleet.secret    from which each node's own secret is derived, to wrap keys sent later
revoked.txt     numbers of the certificates that were revoked
batches/        what it lets laptops sign with, a folder each (`batch_authority`)
broker.pem      the authority and those of the batches, for the broker's `cafile` (`revocation`)
"""

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cobenefit_boards.private_file import write_synced
from cobenefit_wire import command

_CA_DAYS = 3650
_PEM = serialization.Encoding.PEM
_DER = serialization.Encoding.DER
_USAGE = {True: ExtendedKeyUsageOID.SERVER_AUTH, False: ExtendedKeyUsageOID.CLIENT_AUTH}


class AuthorityError(ValueError):
    """The authority's folder is not what it should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and the key that belongs to it.

    Attributes
    ----------
    certificate : x509.Certificate
        Signed by the authority.
    key : EllipticCurvePrivateKey
        On P-256.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def der(self) -> tuple[bytes, bytes]:
        """Return certificate and key as nodes read them."""
        return self.certificate.public_bytes(_DER), _private(self.key, _DER)

    def pem(self) -> tuple[bytes, bytes]:
        """Return certificate and key as brokers read them."""
        return self.certificate.public_bytes(_PEM), _private(self.key, _PEM)


def create(folder: Path, start: dt.datetime | None = None) -> None:
    """Make an authority in a folder that has none.

    Parameters
    ----------
    folder : Path
        Is made, readable by its owner alone.
    start : datetime, optional
        From when it is valid; a day ago by default.

    Raises
    ------
    AuthorityError
        If it holds one already.
    """
    if (folder / "ca.key").exists():
        raise AuthorityError(
            f"{folder} holds an authority: one that nodes trust is never replaced"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    start = start or dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    name = common_name("cobenefit authority")
    constraint = x509.BasicConstraints(ca=True, path_length=1)
    certificate = (
        builder(name, name, key.public_key(), (start, start + dt.timedelta(days=_CA_DAYS)))
        .add_extension(constraint, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Identity(certificate, key)
    pem, private = made.pem()
    files = {"ca.pem": pem, "ca.key": private, "ca.der": made.der()[0], "broker.pem": pem}
    files["fleet.secret"] = secrets.token_bytes(command.SECRET_BYTES)
    for file, data in files.items():
        write_synced(folder / file, data)


def load(folder: Path) -> Identity:
    """Return the authority in a folder.

    Parameters
    ----------
    folder : Path
        As `create` makes it.

    Returns
    -------
    Identity
        Its certificate and key.

    Raises
    ------
    AuthorityError
        If a file is no certificate or no EC key.
    """
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except ValueError as err:
        raise AuthorityError(f"{folder}: ca.pem or ca.key can't be read: {err}") from err
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{folder / 'ca.key'} is not an EC key")
    return Identity(certificate, key)


def issue(
    authority: Identity,
    name: str,
    *,
    days: float = 365.0,
    start: dt.datetime | None = None,
    server: bool = False,
) -> Identity:
    """Make a key and its certificate.

    Parameters
    ----------
    authority : Identity
        Signs.
    name : str
        `<site>/<device>` of a node, or the host name of a broker.
    days : float
        How long it is valid, > 0. [d]
    start : datetime, optional
        From when; an hour ago by default, for clocks that are a little behind.
    server : bool
        For a broker: the name is also its DNS name, which nodes check.

    Returns
    -------
    Identity
        New.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    start = start or dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    issuer = authority.certificate.subject
    valid = (start, start + dt.timedelta(days=days))
    made = builder(common_name(name), issuer, key.public_key(), valid)
    made = made.add_extension(x509.ExtendedKeyUsage([_USAGE[server]]), critical=False)
    if server:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = made.add_extension(names, critical=False)
    return Identity(made.sign(authority.key, hashes.SHA256()), key)


def revoked(authority: Identity, serials: list[int], days: float = 30.0) -> bytes:
    """Return the list of revoked certificates, for the broker's `crlfile`.

    Parameters
    ----------
    authority : Identity
        Signs.
    serials : list of int
        Serial numbers of certificates that must no longer connect. [-]
    days : float
        Until the next list must be there, > 0; brokers refuse everybody after that. [d]

    Returns
    -------
    bytes
        PEM.
    """
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - dt.timedelta(hours=1))
        .next_update(now + dt.timedelta(days=days))
    )
    for serial in serials:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(row)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(_PEM)


def device_secret(folder: Path, name: str) -> bytes:
    """Return the secret of one node.

    Parameters
    ----------
    folder : Path
        The authority's.
    name : str
        `<site>/<device>`.

    Returns
    -------
    bytes
        HMAC-SHA256 (RFC 2104) of the name under the fleet's secret: one node's tells no other's.
    """
    return hmac.digest((folder / "fleet.secret").read_bytes(), name.encode(), hashlib.sha256)


def _private(key: ec.EllipticCurvePrivateKey, encoding: serialization.Encoding) -> bytes:
    style = serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, style, serialization.NoEncryption())


def common_name(text: str) -> x509.Name:
    """Return the name of a certificate's holder.

    Parameters
    ----------
    text : str
        `<site>/<device>`, a host, or what an authority is called.

    Returns
    -------
    x509.Name
        With that common name and nothing else.
    """
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    valid: tuple[dt.datetime, dt.datetime],
) -> x509.CertificateBuilder:
    """Return what all our certificates begin with.

    Parameters
    ----------
    subject, issuer : x509.Name
        Whose it is, and who signs.
    key : EllipticCurvePublicKey
        The holder's.
    valid : tuple of datetime
        From when and until when.

    Returns
    -------
    x509.CertificateBuilder
        With a random serial number and no extension.
    """
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
