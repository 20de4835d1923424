"""Signed releases of node software: made from a folder, checked, and cut into chunks.

A release is a folder: `notice` (what is signed), `index` (a line for each file) and `files/`.
The formats are those of `cobenefit_wire.release`, which the node reads.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cobenefit_wire import release
from cobenefit_wire.errors import WireError

CONFIRM_S = 3600
_PACKAGES = ("cobenefit_node", "cobenefit_wire")
_SUFFIXES = (".py", ".mpy")


class OtaError(ValueError):
    """A key, a folder or a release is wrong; the message says which and what to do."""


def make_key(path: Path) -> Path:
    """Make a private RSA-2048 key and, beside it, the public one that nodes carry.

    Parameters
    ----------
    path : Path
        Where the private key goes, PEM; must not exist.

    Returns
    -------
    Path
        The public key, suffix `.pub`: the modulus, to be copied to nodes as `update.key`.
    """
    if path.exists():
        raise OtaError(f"{path} exists: a key that nodes trust is never overwritten")
    private = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)
    public = path.with_suffix(".pub")
    public.write_bytes(_modulus(private.public_key()))
    return public


def sign(
    folder: Path,
    key: Path,
    counter: int,
    out: Path,
    *,
    board: str = "",
    confirm_s: int = CONFIRM_S,
    next_key: Path | None = None,
) -> release.Notice:
    """Make a signed release of the packages in a folder.

    Parameters
    ----------
    folder : Path
        Holds `cobenefit_node/` and `cobenefit_wire/`, sources or .mpy.
    key : Path
        Private key, PEM.
    counter : int
        Above that of every earlier release; nodes refuse an older one. >= 1. [1]
    out : Path
        The release; must not exist.
    board : str
        The only board it may run on; empty for any.
    confirm_s : int
        How long a node on trial may take to reach the gateway, 1 to 86,400. [s]
    next_key : Path, optional
        Public key that replaces the present one on nodes that confirm.

    Returns
    -------
    release.Notice
        What was signed.

    Raises
    ------
    OtaError
        If an input is missing or wrong.
    """
    found = [p for name in _PACKAGES for p in (folder / name).rglob("*")]
    paths = sorted(p for p in found if p.suffix in _SUFFIXES and p.is_file())
    if not any(p.parent.name == "cobenefit_node" for p in paths):
        raise OtaError(f"{folder} has no cobenefit_node/ with .py or .mpy files")
    if out.exists():
        raise OtaError(f"{out} exists: choose another folder for the release")
    index = "".join(_line(folder, path) for path in paths).encode()
    notice = release.Notice(
        release.SUBJECT, counter, board, len(index), hashlib.sha256(index).digest(), confirm_s,
        next_key.read_bytes() if next_key else None,
    )  # fmt: skip
    signed = release.body(notice)
    sealed = release.seal(signed, signature(signed, key))
    try:
        release.unseal(sealed)
    except WireError as err:
        raise OtaError(f"a node would not read this notice: {err}") from err
    for path in paths:
        target = out / "files" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (out / "index").write_bytes(index)
    (out / "notice").write_bytes(sealed)
    return notice


def signature(signed: bytes, key: Path) -> bytes:
    """Return the signature that nodes verify with their `update.key`.

    Parameters
    ----------
    signed : bytes
        What is signed.
    key : Path
        Private key, PEM.

    Returns
    -------
    bytes
        RSA-2048, PKCS #1 v1.5, SHA-256.

    Raises
    ------
    OtaError
        If the file holds no such key.
    """
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (ValueError, TypeError) as err:
        raise OtaError(f"{key} is not a private key in PEM without password: {err}") from err
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size != 2048:
        raise OtaError(f"{key} is not an RSA-2048 private key")
    return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def read(folder: Path) -> tuple[bytes, release.Notice, list[bytes]]:
    """Return a release's notice, as bytes and as fields, and its chunks.

    Parameters
    ----------
    folder : Path
        A release as `sign` makes it.

    Returns
    -------
    tuple
        Payload of the topic `ota`, the notice, the chunks in order.

    Raises
    ------
    OtaError
        If a file is not what the index says.
    """
    sealed = (folder / "notice").read_bytes()
    index = (folder / "index").read_bytes()
    try:
        notice = release.unseal(sealed)[2]
        entries = [release.entry(line) for line in index.decode().splitlines()]
    except WireError as err:
        raise OtaError(f"{folder}: {err}; sign it again") from err
    if hashlib.sha256(index).digest() != notice.index_sha256:
        raise OtaError(f"{folder / 'index'} is not the one that was signed; sign it again")
    chunks = list(_cut(index))
    for entry in entries:
        path = folder / "files" / entry.path
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise OtaError(f"{path} changed after it was signed; sign it again")
        chunks += _cut(data)
    return sealed, notice, chunks


def _cut(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), release.CHUNK_BYTES):
        yield data[at : at + release.CHUNK_BYTES]


def _line(folder: Path, path: Path) -> str:
    data = path.read_bytes()
    line = f"{hashlib.sha256(data).hexdigest()} {len(data)} {path.relative_to(folder).as_posix()}"
    try:
        release.entry(line)
    except WireError as err:
        raise OtaError(f"{path}: {err}") from err
    return line + "\n"


def _modulus(key: rsa.RSAPublicKey) -> bytes:
    return key.public_numbers().n.to_bytes(release.KEY_BYTES, "big")
