"""Settings: a TOML file checked in full before anything starts, secrets from the environment.

`sample.toml` beside this file shows each key with its default. COBENEFIT_DATABASE_URL replaces
`database.url`, so that a password never has to stand in a file.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cobenefit_backend.errors import ConfigError
from cobenefit_backend.versions.schedule import SCHEDULES, Every

DATABASE_VARIABLE = "COBENEFIT_DATABASE_URL"
Schedule = Every | Literal[""]


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
    local_targets : str
        Folder of the operator's own targets; empty: none.
    schedule : {'', 'monthly', 'quarterly', 'yearly'}
        How often a report is due; empty: only when somebody asks.
    """

    database_url: str = "sqlite:///cobenefit.sqlite3"
    host: str = "127.0.0.1"
    port: int = 8765
    max_body_bytes: int = 16_777_216
    requests_per_minute: int = 6000
    tenant: str = ""
    local_factors: str = ""
    local_targets: str = ""
    schedule: Schedule = ""


_KEYS = {
    "database.url": ("database_url", str),
    "server.host": ("host", str),
    "server.port": ("port", int),
    "server.max_body_bytes": ("max_body_bytes", int),
    "server.requests_per_minute": ("requests_per_minute", int),
    "pages.tenant": ("tenant", str),
    "factors.local": ("local_factors", str),
    "targets.local": ("local_targets", str),
    "report.schedule": ("schedule", str),
}
_RANGES = {
    "server.port": (1, 65_535),
    "server.max_body_bytes": (1_000, 268_435_456),
    "server.requests_per_minute": (1, 1_000_000),
}
_CHOICES = {"report.schedule": ("", *SCHEDULES)}


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
    values = _read(path, file) if path else {}
    if DATABASE_VARIABLE in environment:
        values["database_url"] = environment[DATABASE_VARIABLE]
    config = BackendConfig(**values)
    if not config.database_url.startswith(("sqlite:///", "postgresql://")):
        scheme = config.database_url.partition(":")[0]  # never the whole: it may hold a password
        raise ConfigError(
            "must be sqlite:///path or postgresql://user@host/name",
            file=file, key="database.url", value=scheme,
        )  # fmt: skip
    return config


def _read(path: Path, file: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("cannot be read", file=file, key="file", value=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("is not TOML", file=file, key="file", value=str(error)) from error
    values = {}
    for key, value in _flatten(tables):
        if key not in _KEYS:
            allowed = f"unknown key, allowed: {', '.join(_KEYS)}"
            raise ConfigError(allowed, file=file, key=key, value=value)
        name, kind = _KEYS[key]
        if type(value) is not kind:
            raise ConfigError(f"must be a {kind.__name__}", file=file, key=key, value=value)
        low, high = _RANGES.get(key, (0, 0))
        if isinstance(value, int) and not low <= value <= high:
            raise ConfigError(f"must lie in {low} to {high}", file=file, key=key, value=value)
        if value not in (choices := _CHOICES.get(key, (value,))):
            allowed = ", ".join(map(repr, choices))
            raise ConfigError(f"must be one of {allowed}", file=file, key=key, value=value)
        values[name] = value
    return values


def _flatten(tables: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (f"{name}.{key}", value) if isinstance(table, dict) else (name, table)
        for name, table in tables.items()
        for key, value in (table.items() if isinstance(table, dict) else [("", table)])
    ]
