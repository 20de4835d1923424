"""Settings of the sign-in through an OpenID Connect provider, such as ProConnect.

The secret of the client comes from a file or from COBENEFIT_OIDC_SECRET, never from the TOML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cobenefit_backend.access.roles import PEOPLE, Role
from cobenefit_backend.errors import ConfigError

SECRET_VARIABLE = "COBENEFIT_OIDC_SECRET"  # noqa: S105  a name, not one
SCOPE = "openid given_name usual_name email siret"
MAX_SECRET_BYTES = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TEXTS = (
    "issuer", "client_id", "client_secret_file", "public_url", "name", "scope", "acr_values",
    "contact",
)  # fmt: skip
_NEEDED = ("client_id", "public_url", "contact")
_SIRET_DIGITS = 14


@dataclass(frozen=True, slots=True)
class Employer:
    """Where the people of an organisation belong.

    Parameters
    ----------
    tenant : str
        Their tenant.
    siret : str
        Number of the establishment, 14 digits; empty: everyone of this provider.
    role : Role or None
        What they may do whom no administrator has named; None: nothing.
    """

    tenant: str
    siret: str = ""
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """A provider and what it opens here.

    Parameters
    ----------
    issuer : str
        Address of the provider; its discovery document is beneath it.
    client_id : str
        Our name at the provider.
    client_secret : str
        Our secret at the provider.
    public_url : str
        Our own address as browsers see it, without a slash at its end.
    name : str
        What the button calls the provider.
    scope : str
        What is asked for.
    acr_values : str
        Level of assurance asked for; empty: none.
    contact : str
        Whom to ask who is not let in: an address or a telephone number.
    tenants : tuple of Employer
        Whose people enter where.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    contact: str
    name: str = "ProConnect"
    scope: str = SCOPE
    acr_values: str = ""
    tenants: tuple[Employer, ...] = ()

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to; register it there."""
        return f"{self.public_url}/login/oidc/callback"

    @property
    def logout_uri(self) -> str:
        """Where the provider sends the browser after signing out; register it there."""
        return f"{self.public_url}/login"

    def employer(self, siret: str) -> Employer | None:
        """Return where the people of an establishment belong, None when it is not listed."""
        for entry in self.tenants:
            if entry.siret in {siret, ""}:
                return entry
        return None


def parse(table: Any, file: str, environment: Mapping[str, str]) -> OidcConfig | None:
    """Return the settings of the table `[oidc]`, None when no issuer is named.

    Parameters
    ----------
    table : object
        What the TOML file has under `oidc`.
    file : str
        Its name, for messages.
    environment : mapping
        Environment variables.

    Returns
    -------
    OidcConfig or None
        Checked settings.

    Raises
    ------
    ConfigError
        Naming file, key, value and what is allowed.
    """
    if not isinstance(table, dict):
        raise ConfigError("must be a table", file=file, key="oidc", value=table)
    entries = table.get("tenants", [])
    texts = {key: value for key, value in table.items() if key != "tenants"}
    for key, value in texts.items():
        if key not in _TEXTS:
            allowed = f"unknown key, allowed: {', '.join(_TEXTS)}, tenants"
            raise ConfigError(allowed, file=file, key=f"oidc.{key}", value=value)
        if not isinstance(value, str):
            raise ConfigError("must be a str", file=file, key=f"oidc.{key}", value=value)
    if not texts.get("issuer"):
        return None
    for key in _NEEDED:
        if not texts.get(key):
            raise ConfigError("is needed beside issuer", file=file, key=f"oidc.{key}", value="")
    for key in ("issuer", "public_url"):
        if not safe(texts[key]):
            must = "must be https:// (http:// on loopback only)"
            raise ConfigError(must, file=file, key=f"oidc.{key}", value=texts[key])
    texts["public_url"] = texts["public_url"].rstrip("/")
    secret = _secret(texts.pop("client_secret_file", ""), file, environment)
    return OidcConfig(**texts, client_secret=secret, tenants=_employers(entries, file))


def safe(url: str) -> bool:
    """Return whether nobody between us and an address can listen."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _secret(path: str, file: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(SECRET_VARIABLE, "")
    if path and not secret:
        try:
            with Path(path).open(encoding="utf-8") as stream:
                secret = stream.read(MAX_SECRET_BYTES).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "cannot be read", file=file, key="oidc.client_secret_file", value=path
            ) from error
    if not secret:
        raise ConfigError(
            f"name a file with the secret, or set {SECRET_VARIABLE}",
            file=file, key="oidc.client_secret_file", value=path,
        )  # fmt: skip
    return secret


def _employers(entries: Any, file: str) -> tuple[Employer, ...]:
    if not isinstance(entries, list) or not entries:
        must = "must list at least one tenant, as [[oidc.tenants]]"
        raise ConfigError(must, file=file, key="oidc.tenants", value=entries)
    found = [_employer(entry, file) for entry in entries]
    sirets = [entry.siret for entry in found]
    if len(set(sirets)) < len(sirets) or "" in sirets[:-1]:
        must = "each siret once; an entry without one, which is everyone, last"
        raise ConfigError(must, file=file, key="oidc.tenants", value=sirets)
    return tuple(found)


def _employer(entry: Any, file: str) -> Employer:
    texts = dict(entry) if isinstance(entry, dict) else {}
    siret, role = str(texts.pop("siret", "")).replace(" ", ""), texts.pop("role", "")
    tenant = texts.pop("tenant", "")
    roles = [each.value for each in PEOPLE]
    if texts or not isinstance(tenant, str) or not tenant or role not in {"", *roles}:
        must = f"has tenant, siret (optional) and role (optional: {', '.join(roles)})"
        raise ConfigError(must, file=file, key="oidc.tenants", value=entry)
    if siret and not (siret.isascii() and siret.isdigit() and len(siret) == _SIRET_DIGITS):
        raise ConfigError("siret has 14 digits", file=file, key="oidc.tenants", value=siret)
    return Employer(tenant, siret, Role(role) if role else None)
