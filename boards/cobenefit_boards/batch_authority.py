"""What a laptop signs with: an authority below the operator's, for the nodes of one batch.

The office makes it and keeps a copy, to shut it out; the laptop gets a folder:

ca.pem ca.key   the batch's authority
ca.der          the operator's certificate, by which nodes know the broker
batch.json      how many certificates it may sign, and each node's own secret
issued.txt      those it has signed: a serial number and a name per line
update.key      public key of updates, if there is one

Four limits. *Which nodes*: their names stand in its certificate, as a name constraint (RFC 5280,
section 4.2.1.10), and the broker enforces it; nothing else may be signed, neither `operator` nor
a broker. *How many* and *until when* (`privateKeyUsagePeriod`, RFC 3280, section 4.2.1.4) are
enforced here, against mistakes. Against theft there is revocation (`revocation`).
"""

import datetime as dt
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from cobenefit_boards import authority
from cobenefit_boards.authority import AuthorityError, Identity
from cobenefit_boards.private_file import write_synced

BATCHES = "batches"
_LIMITS = "batch.json"
_ISSUED = "issued.txt"
_HOW = "make one in the office: `cobenefit boards authority`"


class _Limits(NamedTuple):
    """How many certificates, and the secret of each node, hexadecimal."""

    certificates: int
    nodes: dict[str, str]


def create(  # noqa: PLR0917
    fleet: Path, out: Path, names: Iterable[str], certificates: int, days: float, valid_days: float
) -> Path:
    """Make the authority of a batch, and the folder for the laptop.

    Parameters
    ----------
    fleet : Path
        The operator's authority; keeps what it takes to shut this one out.
    out : Path
        The laptop's folder; must not be there.
    names : iterable of str
        `<site>/<device>` of each node it is for.
    certificates : int
        How many it may sign, >= the number of nodes. [1]
    days : float
        For how long it may sign, > 0. [d]
    valid_days : float
        How long what it signs may be valid, > 0. [d]

    Returns
    -------
    Path
        The office's copy of its certificate, by which it is shut out.

    Raises
    ------
    AuthorityError
        If the folder is there, or the operator's authority may have none below it.
    """
    root, nodes = authority.load(fleet), sorted(names)
    if out.exists():
        raise AuthorityError(f"{out} is there already: give another folder")
    basic = root.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if basic.path_length == 0:
        raise AuthorityError(f"{fleet} was made to sign nodes only: make another for new nodes")
    made = _signed(root, nodes, days, valid_days)
    pem, key = made.pem()
    given = {name: authority.device_secret(fleet, name).hex() for name in nodes}
    limits = _Limits(max(certificates, len(nodes)), given)._asdict()
    day = made.certificate.not_valid_before_utc.date().isoformat()
    kept = fleet / BATCHES / f"{day}-{made.certificate.serial_number % 2**32:08x}"
    kept.mkdir(mode=0o700, parents=True)
    out.mkdir(mode=0o700, parents=True)
    for folder in (kept, out):
        write_synced(folder / "ca.pem", pem)
        write_synced(folder / "ca.key", key)
    write_synced(out / "ca.der", (fleet / "ca.der").read_bytes())
    write_synced(out / _LIMITS, json.dumps(limits, indent=1).encode())
    write_synced(out / _ISSUED, b"")
    if (fleet / "update.key").exists():
        shutil.copyfile(fleet / "update.key", out / "update.key")
    return kept / "ca.pem"


def issue(folder: Path, name: str, days: float) -> Identity:
    """Make a node's key and certificate, and count it before anybody has it.

    Parameters
    ----------
    folder : Path
        The laptop's.
    name : str
        `<site>/<device>`.
    days : float
        How long it is valid, > 0. [d]

    Returns
    -------
    Identity
        New.

    Raises
    ------
    AuthorityError
        If it is for other nodes, has signed as many as it may, or its time is over.
    """
    limits, made = _limits(folder), authority.load(folder)
    if name not in limits.nodes:
        raise AuthorityError(f"{folder} is not for {name}: {_HOW} with that node in the CSV")
    now = dt.datetime.now(dt.UTC)
    _check_time(folder, made, now, days)
    with _alone(folder):
        count, most = len((folder / _ISSUED).read_text().splitlines()), limits.certificates
        if count >= most:
            raise AuthorityError(f"{folder} has signed {count} of {most} certificates: {_HOW}")
        new = authority.issue(made, name, days=days)
        line = f"{new.certificate.serial_number} {name} {now.isoformat(timespec='seconds')}\n"
        write_synced(folder / _ISSUED, line.encode(), append=True)
    return new


def device_secret(folder: Path, name: str) -> bytes:
    """Return the secret of one node of the batch.

    Parameters
    ----------
    folder : Path
        The laptop's.
    name : str
        `<site>/<device>`.

    Returns
    -------
    bytes
        As `authority.device_secret` derives it in the office.

    Raises
    ------
    KeyError
        If it is for other nodes.
    """
    return bytes.fromhex(_limits(folder).nodes[name])


def _signed(root: Identity, names: list[str], days: float, valid_days: float) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    signs_until = start + dt.timedelta(hours=1, days=days)
    until = min(signs_until + dt.timedelta(days=valid_days), root.certificate.not_valid_after_utc)
    usage = x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    allowed = [x509.DirectoryName(authority.common_name(name)) for name in names]
    window = x509.PrivateKeyUsagePeriod(start, signs_until)
    name = authority.common_name(f"cobenefit batch {x509.random_serial_number() % 2**64:016x}")
    built = (
        authority.builder(name, root.certificate.subject, key.public_key(), (start, until))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(window, critical=False)
    )
    return Identity(built.sign(root.key, hashes.SHA256()), key)


def _limits(folder: Path) -> _Limits:
    path = folder / _LIMITS
    if not path.exists():
        raise AuthorityError(
            f"{folder} is no authority of a batch, and the operator's own key signs no node from "
            f"a CSV: {_HOW}"
        )
    raw = json.loads(path.read_text(encoding="utf-8"))
    return _Limits(raw["certificates"], raw["nodes"])


def _check_time(folder: Path, made: Identity, now: dt.datetime, days: float) -> None:
    """Refuse to sign outside the authority's time, or for longer than it lives."""
    extensions = made.certificate.extensions
    window = extensions.get_extension_for_class(x509.PrivateKeyUsagePeriod).value
    ends = (window.not_before or now, window.not_after or now)
    first, last = (end.replace(tzinfo=dt.UTC) for end in ends)
    if not first <= now <= last:
        raise AuthorityError(
            f"{folder} may sign until {last:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M}: "
            f"set the clock, or {_HOW}"
        )
    until = made.certificate.not_valid_after_utc
    if now + dt.timedelta(days=days) > until:
        raise AuthorityError(f"{folder}: what it signs ends on {until:%Y-%m-%d}: give fewer days")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep another provisioner from counting at the same time."""
    with (folder / _ISSUED).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
