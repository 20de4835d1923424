"""Configuration: TOML in, frozen dataclasses out, checked in full before the first connection.

`sample.toml` beside this file documents every key. Unknown keys are refused, so that a misspelt
one is not silently a default.
"""

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cobenefit_gateway.config_operate import (
    ADAPTERS,
    LANGUAGES,
    SEVERITIES,
    AdapterConfig,
    AlarmsConfig,
    HomeAssistantConfig,
    HttpConfig,
    LogConfig,
    MailConfig,
    NodeRule,
    WebhookConfig,
)
from cobenefit_gateway.errors import ConfigError
from cobenefit_wire.topics import is_id
from cobenefit_wire.units import quantity_of

_DAY_S = 86_400
_ANY_NODE = NodeRule()


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where the broker is and who we are to it."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "cobenefit-gateway"
    username: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    keepalive_s: int = 30


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """How we speak to the broker."""

    client: str = "bulk"
    version: str = "auto"


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """When the journal is synced and how large its files grow."""

    commit_ms: int = 20
    commit_messages: int = 5000
    segment_mb: int = 16
    max_mb: int = 256


@dataclass(frozen=True, slots=True)
class WindowsConfig:
    """How event time is cut."""

    timezone: str = "UTC"
    base_s: int = 600
    lateness_s: int = 0
    reopen_days: int = 400


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Which event times are believed."""

    earliest: str = "2005-01-01"
    future_s: int = 600

    @property
    def earliest_ms(self) -> int:
        """The first instant believed, Unix [ms]."""
        return int(datetime.fromisoformat(self.earliest).replace(tzinfo=UTC).timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """Where pages go."""

    url: str = "http://127.0.0.1:8000"
    timeout_s: float = 10.0
    max_pages: int = 10_000
    max_mb: int = 2048
    drain_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """One site and its time zone."""

    id: str
    timezone: str


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """How often the channels that match are read."""

    site: str = "*"
    device: str = "*"
    channel: str = "*"
    period_s: float = 600.0
    max_rate_per_s: float = 0.0
    max_stuck_s: float = 0.0
    outlier_deviations: float = 0.0

    def matches(self, site: str, device: str, channel: str) -> bool:
        """Whether the rule is about this channel."""
        return (
            fnmatchcase(site, self.site)
            and fnmatchcase(device, self.device)
            and fnmatchcase(channel, self.channel)
        )


_ANY_CHANNEL = ChannelRule()


@dataclass(frozen=True, slots=True)
class HistogramRule:
    """Edges of one event channel's histogram."""

    channel: str
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """Leave to forward finer windows of one device (or of those a pattern matches)."""

    site: str
    device: str
    resolution: str = "window"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; `file` is where it came from."""

    file: Path
    tenant: str
    data_dir: Path
    checkpoint_s: float = 2.0
    broker: BrokerConfig = field(default_factory=BrokerConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    windows: WindowsConfig = field(default_factory=WindowsConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    site: tuple[Site, ...] = ()
    channel: tuple[ChannelRule, ...] = ()
    histogram: tuple[HistogramRule, ...] = (
        HistogramRule("vehicle_speed_km_h", tuple(float(x) for x in range(10, 140, 10))),
    )
    consent: tuple[Consent, ...] = ()
    http: HttpConfig = field(default_factory=HttpConfig)
    log: LogConfig = field(default_factory=LogConfig)
    alarms: AlarmsConfig = field(default_factory=AlarmsConfig)
    mail: MailConfig = field(default_factory=MailConfig)
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    homeassistant: HomeAssistantConfig = field(default_factory=HomeAssistantConfig)
    node: tuple[NodeRule, ...] = ()
    adapter: tuple[AdapterConfig, ...] = ()

    def timezone(self, site: str) -> str:
        """Return the time zone whose midnights cut the days of a site."""
        return next((s.timezone for s in self.site if s.id == site), self.windows.timezone)

    def rule(self, site: str, device: str, channel: str) -> ChannelRule:
        """Return how a channel is read and judged: the first rule that matches."""
        rules = (r for r in self.channel if r.matches(site, device, channel))
        return next(rules, _ANY_CHANNEL)

    def edges(self, channel: str) -> tuple[float, ...]:
        """Return an event channel's histogram edges, () when there are none [unit]."""
        return next((h.edges for h in self.histogram if fnmatchcase(channel, h.channel)), ())

    def node_rule(self, site: str, device: str) -> NodeRule:
        """Return when a device needs attention."""
        return next((r for r in self.node if r.matches(site, device)), _ANY_NODE)

    def fine(self, site: str, device: str) -> bool:
        """Whether windows finer than a day may leave the gateway for a device."""
        return any(
            fnmatchcase(site, c.site) and fnmatchcase(device, c.device) for c in self.consent
        )


_RANGES: dict[str, tuple[float, float]] = {
    "checkpoint_s": (0.05, 60),
    "broker.port": (1, 65_535),
    "broker.keepalive_s": (5, 3600),
    "journal.commit_ms": (1, 1000),
    "journal.commit_messages": (1, 100_000),
    "journal.segment_mb": (1, 1024),
    "journal.max_mb": (1, 100_000),
    "windows.base_s": (60, 3600),
    "windows.lateness_s": (0, 90 * _DAY_S),
    "windows.reopen_days": (1, 4000),
    "quality.future_s": (0, 30 * _DAY_S),
    "backend.timeout_s": (0.1, 300),
    "backend.max_pages": (1, 1_000_000),
    "backend.max_mb": (1, 1_000_000),
    "backend.drain_s": (0, 3600),
    "channel.period_s": (0.001, 7 * _DAY_S),
    "channel.max_rate_per_s": (0, 1e12),
    "channel.max_stuck_s": (0, 400 * _DAY_S),
    "channel.outlier_deviations": (0, 100),
    "http.port": (0, 65_535),
    "node.late_s": (1, 90 * _DAY_S),
    "node.silent_s": (1, 365 * _DAY_S),
    "node.battery_low_mv": (0, 60_000),
    "node.flood_per_s": (0.01, 1e6),
    "alarms.every_s": (1, _DAY_S),
    "alarms.clear_s": (0, _DAY_S),
    "mail.port": (1, 65_535),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "mqtt.client": ("bulk", "paho"),
    "mqtt.version": ("auto", "3.1.1", "5"),
    "log.format": ("text", "json"),
    "alarms.language": LANGUAGES,
    "alarms.notify": SEVERITIES,
    "mail.tls": ("starttls", "tls", "none"),
    "adapter.kind": ADAPTERS,
}


def load(path: Path) -> Config:
    """Return the configuration in a file.

    Parameters
    ----------
    path : Path
        A TOML file as `sample.toml`.

    Returns
    -------
    Config
        Checked in full.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is outside what is allowed.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(str(path), "(file)", path.name, "a readable file") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ConfigError(str(path), "(file)", str(err), "valid TOML in UTF-8") from err
    builder = _Builder(str(path))
    raw.setdefault("data_dir", "gateway-data")
    values = builder.values(Config, {"file": str(path), **raw}, "")
    values["data_dir"] = path.parent / values["data_dir"]
    config = Config(**values)
    _check_meaning(config)
    return config


class _Builder:
    def __init__(self, file: str) -> None:
        self._file = file

    def values(self, cls: type, raw: dict[str, Any], prefix: str) -> dict[str, Any]:
        known = {f.name: f for f in fields(cls)}
        hints = get_type_hints(cls)
        for key, value in raw.items():
            if key not in known:
                allowed = "one of " + ", ".join(k for k in known if k != "file")
                raise ConfigError(self._file, prefix + key, value, allowed)
        for name, spec in known.items():
            if name not in raw and spec.default is spec.default_factory:
                raise ConfigError(self._file, prefix + name, None, "given")
        return {key: self._one(hints[key], value, prefix + key) for key, value in raw.items()}

    def _one(self, hint: Any, value: object, key: str) -> object:
        if isinstance(hint, type) and is_dataclass(hint):
            if not isinstance(value, dict):
                raise ConfigError(self._file, key, value, "a table")
            return hint(**self.values(hint, value, key + "."))
        arguments = getattr(hint, "__args__", ())
        if arguments:
            return self._many(arguments[0], value, key)
        return self._scalar(hint, value, key)

    def _many(self, hint: Any, value: object, key: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise ConfigError(self._file, key, value, "a list")
        return tuple(self._one(hint, item, key) for item in value)

    def _scalar(self, hint: type, value: object, key: str) -> object:
        if hint in (str, Path):
            if not isinstance(value, str):
                raise ConfigError(self._file, key, value, "a text")
            if value not in _CHOICES.get(key, (value,)):
                raise ConfigError(self._file, key, value, "one of " + ", ".join(_CHOICES[key]))
            return Path(value) if hint is Path else value
        if isinstance(value, bool) or not isinstance(
            value, (int, float) if hint is float else int
        ):
            raise ConfigError(
                self._file, key, value, "a number" if hint is float else "a whole number"
            )
        low, high = _RANGES.get(key, (float("-inf"), float("inf")))
        if not low <= value <= high:
            raise ConfigError(self._file, key, value, f"{low:g} to {high:g}")
        return hint(value)


def _check_meaning(config: Config) -> None:
    file = str(config.file)
    if not is_id(config.tenant):
        raise ConfigError(file, "tenant", config.tenant, "[a-z0-9-]{1,32}")
    if not config.broker.host:
        raise ConfigError(file, "broker.host", "", "a host name or address")
    if not config.broker.client_id:
        raise ConfigError(file, "broker.client_id", "", "a fixed name")
    if _DAY_S % config.windows.base_s:
        raise ConfigError(file, "windows.base_s", config.windows.base_s, "a divisor of 86400")
    _check_date(file, config.quality.earliest)
    if config.backend.url and not config.backend.url.startswith(("http://", "https://")):
        raise ConfigError(
            file, "backend.url", config.backend.url, "http://… or https://… or empty"
        )
    _check_zone(file, "windows.timezone", config.windows.timezone)
    for site in config.site:
        if not is_id(site.id):
            raise ConfigError(file, "site.id", site.id, "[a-z0-9-]{1,32}")
        _check_zone(file, "site.timezone", site.timezone)
    _check_rules(config, file)


def _check_rules(config: Config, file: str) -> None:
    for rule in config.histogram:
        if list(rule.edges) != sorted(set(rule.edges)) or not 1 <= len(rule.edges) <= 256:
            raise ConfigError(file, "histogram.edges", rule.edges, "1 to 256 increasing numbers")
    for consent in config.consent:
        if consent.resolution != "window":
            raise ConfigError(file, "consent.resolution", consent.resolution, "'window'")
    if config.mail.host and not (config.mail.sender and config.mail.to):
        raise ConfigError(file, "mail.to", list(config.mail.to), "given, and mail.sender too")
    if config.webhook.url and not config.webhook.url.startswith(("http://", "https://")):
        raise ConfigError(
            file, "webhook.url", config.webhook.url, "http://… or https://… or empty"
        )
    _check_adapters(config, file)


def _check_adapters(config: Config, file: str) -> None:
    for adapter in config.adapter:
        if not is_id(adapter.site):
            raise ConfigError(file, "adapter.site", adapter.site, "[a-z0-9-]{1,32}")
        for taken in adapter.field:
            if not quantity_of(taken.channel):
                allowed = "named after a quantity, such as air_temperature_degc"
                raise ConfigError(file, "adapter.field.channel", taken.channel, allowed)


def _check_date(file: str, text: str) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not date(1971, 1, 1) <= day <= date(2099, 12, 31):
        raise ConfigError(file, "quality.earliest", text, "a date, 1971-01-01 to 2099-12-31")


def _check_zone(file: str, key: str, name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise ConfigError(file, key, name, "an IANA time zone such as Europe/Paris") from err
