"""A mosquitto that admits certificates only, with the access rules and the revocations we ship."""

import datetime as dt
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cobenefit_boards
from cobenefit_boards import authority, revocation
from cobenefit_hil.services import Service, free_port

NAME = "broker.rig"
RULES = Path(cobenefit_boards.__file__).parent / "mosquitto.acl"
_CONFIG = """\
user root
per_listener_settings true
listener {plain} 127.0.0.1
allow_anonymous true
listener {port} 127.0.0.1
cafile {folder}/broker.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
crlfile {folder}/crl.pem
require_certificate true
use_identity_as_username true
acl_file {rules}
"""


class MutualBroker:
    """A broker called `broker.rig` with a port for certificates and a plain one for the rig.

    Parameters
    ----------
    folder : Path
        Gets an authority and the broker's files.
    program : str
        Path of mosquitto.
    since : datetime, optional
        From when the authority is valid; a day ago by default.
    """

    def __init__(self, folder: Path, program: str, since: dt.datetime | None = None) -> None:
        authority.create(folder, since)
        self.folder = folder
        self.authority = authority.load(folder)
        self.plain, self.port = free_port(), free_port()
        text = _CONFIG.format(folder=folder, plain=self.plain, port=self.port, rules=RULES)
        (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
        command = [program, "-c", str(folder / "mosquitto.conf")]
        self._service = Service("mosquitto", command, folder / "broker.log", port=self.port)
        self._write(authority.issue(self.authority, NAME, server=True))

    def revoke(self, identity: authority.Identity) -> None:
        """Put a certificate on the list and restart.

        Parameters
        ----------
        identity : Identity
            Of a device, or of a batch's authority.
        """
        self.restart(identity.der()[0])

    def present(self, name: str = NAME, **validity: Any) -> None:
        """Show another certificate from now on.

        Parameters
        ----------
        name : str
            Host name in it.
        **validity
            `start` and `days`, as `authority.issue` takes them.
        """
        self._write(authority.issue(self.authority, name, server=True, **validity))
        self.restart()

    def refusals(self) -> int:
        """Return how many TLS handshakes it has refused [1]."""
        return self._text().count("OpenSSL Error")

    def said(self, pattern: str) -> bool:
        """Return whether its log matches a regular expression.

        Parameters
        ----------
        pattern : str
            Searched for, in any case.

        Returns
        -------
        bool
            Whether it was found.
        """
        return re.search(pattern, self._text(), re.IGNORECASE) is not None

    def tail(self) -> str:
        """Return the end of its log.

        Returns
        -------
        str
            Lines.
        """
        return self._service.tail()

    def __enter__(self) -> Self:
        """Start it."""
        self.restart()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._service.stop(5.0)

    def restart(self, *revoked: bytes) -> None:
        """Restart with the certificates and lists of now.

        Parameters
        ----------
        *revoked : bytes
            Certificates to shut out from now on.
        """
        (self.folder / "crl.pem").write_bytes(revocation.revoke(self.folder, list(revoked)))
        self._service.stop(10.0)
        self._service.start()

    def _write(self, identity: authority.Identity) -> None:
        for name, data in zip(("server.pem", "server.key"), identity.pem(), strict=True):
            (self.folder / name).write_bytes(data)

    def _text(self) -> str:
        return self._service.log.read_text(errors="replace")
