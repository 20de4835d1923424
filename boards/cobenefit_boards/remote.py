"""Commands for one node: made here, carried out by `cobenefit_node.commands`.

The formats are those of `cobenefit_wire.command`. A configuration that leaves the link alone needs
no signature; one that changes it, and every certificate, does.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cobenefit_boards import ota
from cobenefit_boards.authority import Identity
from cobenefit_wire import cbor, command, topics
from cobenefit_wire.errors import WireError

CONFIRM_S = 3600


class RemoteError(ValueError):
    """What was asked can't be asked of a node, or the node refused it; the message says why."""


def split(name: str) -> tuple[str, str]:
    """Return site and device of `<site>/<device>`.

    Parameters
    ----------
    name : str
        Of a node.

    Returns
    -------
    tuple of str
        Site and device.

    Raises
    ------
    RemoteError
        If it is no such name.
    """
    site, _, device = name.partition("/")
    if not topics.is_id(site) or not topics.is_id(device):
        raise RemoteError(f"{name!r} is no node: give SITE/DEVICE, each [a-z0-9-], at most 32")
    return site, device


def seal(  # noqa: PLR0917
    subject: str, counter: int, name: str, content: bytes, confirm_s: int, key: Path | None
) -> bytes:
    """Return the payload of the topic `cmd`.

    Parameters
    ----------
    subject : str
        `config`, `certificate` or `selftest`.
    counter : int
        Above that of every earlier command of the subject, by at most 1000. [1]
    name : str
        `<site>/<device>`.
    content : bytes
        By subject.
    confirm_s : int
        How long a trial may take to reach the gateway, 1 to 86,400. [s]
    key : Path, optional
        Private key of updates, PEM; signs the command.

    Returns
    -------
    bytes
        CBOR.

    Raises
    ------
    RemoteError
        If a node could not read it.
    """
    signed = command.body(command.Command(subject, counter, name, confirm_s, content))
    payload = command.seal(signed, ota.signature(signed, key) if key else b"")
    try:
        command.unseal(payload)
    except WireError as err:
        raise RemoteError(f"a node would not read this command: {err}") from err
    return payload


def configuration(path: Path, name: str, *, signed: bool) -> tuple[bytes, bool]:
    """Return the content of a `config`.

    Parameters
    ----------
    path : Path
        A `config.json`.
    name : str
        `<site>/<device>` it must be for.
    signed : bool
        Whether the command will be; without, `broker` is left out and the node keeps its own.

    Returns
    -------
    tuple
        JSON, and whether `broker` was left out.

    Raises
    ------
    RemoteError
        If it is not JSON, not an object, or for another node.
    """
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise RemoteError(f"{path}: not JSON: {err}") from err
    if not isinstance(raw, dict):
        raise RemoteError(f"{path}: not a JSON object")
    whose = f"{raw.get('site')}/{raw.get('device')}"
    if whose != name:
        raise RemoteError(f"{path} is for {whose}, not for {name}")
    left_out = not signed and raw.pop("broker", None) is not None
    return json.dumps(raw, separators=(",", ":")).encode(), left_out


def renewal(new: Identity, authority: bytes, secret: bytes) -> bytes:
    """Return the content of a `certificate`.

    Parameters
    ----------
    new : Identity
        Certificate and key.
    authority : bytes
        Certificate of another authority for the broker, DER; empty to keep the present one.
    secret : bytes
        Of the node; 32 bytes.

    Returns
    -------
    bytes
        CBOR; the key in it is wrapped.
    """
    certificate, key = new.der()
    iv = secrets.token_bytes(16)
    pad = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor()
    wrapped = encryptor.update(pad.update(key) + pad.finalize()) + encryptor.finalize()
    return cbor.dumps([certificate, authority, iv, wrapped])
