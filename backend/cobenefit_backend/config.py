"""Settings: a TOML file checked in full before anything starts, secrets from the environment.

`sample.toml` beside this file shows each key with its default. COBENEFIT_DATABASE_URL replaces
`database.url`, so that a password never has to stand in a file; COBENEFIT_WEBHOOK_SECRET is the
key that secrets of webhooks are derived from.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cobenefit_backend.access import oidc_config
from cobenefit_backend.access.oidc_config import OidcConfig
from cobenefit_backend.errors import ConfigError
from cobenefit_backend.webhooks.sign import SHORTEST_KEY

DATABASE_VARIABLE = "COBENEFIT_DATABASE_URL"
WEBHOOK_VARIABLE = "COBENEFIT_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """Settings of the backend.

    Parameters
    ----------
    database_url : str
        `sqlite:///path` or `postgresql://user@host/name`.
    host : str
        Address to listen on.
    port : int
        TCP port, 1 to 65535. [1]
    max_body_bytes : int
        Largest request body accepted, 1 kB to 256 MB. [B]
    requests_per_minute : int
        Requests a minute of one credential or address, 1 to 1,000,000. [1]
    tenant : str
        Whose report anyone may read without signing in; empty: nobody's.
    local_factors : str
        Folder of the operator's own factors; empty: none.
    oidc : OidcConfig or None
        The provider through which people may sign in; None: none.
    webhooks_private : bool
        Whether webhooks may use plain HTTP and reach the server's own network.
    webhook_secret : str
        Key that secrets of webhooks are derived from; empty: no webhooks.
    """

    database_url: str = "sqlite:///cobenefit.sqlite3"
    host: str = "127.0.0.1"
    port: int = 8765
    max_body_bytes: int = 16_777_216
    requests_per_minute: int = 6000
    tenant: str = ""
    local_factors: str = ""
    oidc: OidcConfig | None = None
    webhooks_private: bool = False
    webhook_secret: str = field(default="", repr=False)


_KEYS = {
    "database.url": ("database_url", str),
    "server.host": ("host", str),
    "server.port": ("port", int),
    "server.max_body_bytes": ("max_body_bytes", int),
    "server.requests_per_minute": ("requests_per_minute", int),
    "pages.tenant": ("tenant", str),
    "factors.local": ("local_factors", str),
    "webhooks.private": ("webhooks_private", bool),
}
_RANGES = {
    "server.port": (1, 65_535),
    "server.max_body_bytes": (1_000, 268_435_456),
    "server.requests_per_minute": (1, 1_000_000),
    "webhooks.private": (0, 1),
}


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> BackendConfig:
    """Return the settings of a file, or the defaults without one.

    Parameters
    ----------
    path : Path or None
        TOML file.
    environment : mapping, optional
        Environment variables.

    Returns
    -------
    BackendConfig
        Checked settings.

    Raises
    ------
    ConfigError
        Naming file, key, value and what is allowed.
    """
    file = str(path) if path else "defaults"
    values = _read(path, file, environment) if path else {}
    if DATABASE_VARIABLE in environment:
        values["database_url"] = environment[DATABASE_VARIABLE]
    values["webhook_secret"] = _webhook_secret(environment)
    config = BackendConfig(**values)
    if not config.database_url.startswith(("sqlite:///", "postgresql://")):
        scheme = config.database_url.partition(":")[0]  # never the whole: it may hold a password
        raise ConfigError(
            "must be sqlite:///path or postgresql://user@host/name",
            file=file, key="database.url", value=scheme,
        )  # fmt: skip
    return config


def _webhook_secret(environment: Mapping[str, str]) -> str:
    found = environment.get(WEBHOOK_VARIABLE, "")
    if 0 < len(found) < SHORTEST_KEY:
        raise ConfigError(
            f"must have {SHORTEST_KEY} characters or more",
            file="environment", key=WEBHOOK_VARIABLE, value=f"{len(found)} characters",
        )  # fmt: skip
    return found


def _read(path: Path, file: str, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("cannot be read", file=file, key="file", value=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("is not TOML", file=file, key="file", value=str(error)) from error
    values: dict[str, Any] = {"oidc": oidc_config.parse(tables.pop("oidc", {}), file, environment)}
    for key, value in _flatten(tables):
        if key not in _KEYS:
            allowed = f"unknown key, allowed: {', '.join(_KEYS)}, oidc.*"
            raise ConfigError(allowed, file=file, key=key, value=value)
        name, kind = _KEYS[key]
        if type(value) is not kind:
            raise ConfigError(f"must be a {kind.__name__}", file=file, key=key, value=value)
        low, high = _RANGES.get(key, (0, 0))
        if isinstance(value, int) and not low <= value <= high:
            raise ConfigError(f"must lie in {low} to {high}", file=file, key=key, value=value)
        values[name] = value
    return values


def _flatten(tables: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (f"{name}.{key}", value) if isinstance(table, dict) else (name, table)
        for name, table in tables.items()
        for key, value in (table.items() if isinstance(table, dict) else [("", table)])
    ]
