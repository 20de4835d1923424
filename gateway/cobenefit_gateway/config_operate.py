"""The parts of the configuration that are about operating: page, alarms, adapters.

`config.py` puts them together and checks them; `sample.toml` documents every key.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

SEVERITIES = ("info", "warning", "critical")
LANGUAGES = ("en", "fr")
ADAPTERS = ("chirpstack", "ttn", "sparkplug")
#: Where each network server publishes when nobody changed it.
TOPICS = {
    "chirpstack": "application/+/device/+/event/up",
    "ttn": "v3/+/devices/+/up",
    "sparkplug": "spBv1.0/+/+/#",
}


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where the status page and the metrics listen; port 0 is nowhere."""

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How log lines look."""

    format: str = "text"


@dataclass(frozen=True, slots=True)
class NodeRule:
    """When the nodes that match need attention."""

    site: str = "*"
    device: str = "*"
    late_s: int = 7200
    silent_s: int = 86_400
    battery_low_mv: int = 0
    flood_per_s: float = 10.0

    def matches(self, site: str, device: str) -> bool:
        """Whether the rule is about this device."""
        return fnmatchcase(site, self.site) and fnmatchcase(device, self.device)


@dataclass(frozen=True, slots=True)
class AlarmsConfig:
    """Who is told what, how often, and which files are watched."""

    language: str = "en"
    notify: str = "warning"
    every_s: int = 300
    clear_s: int = 300
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailConfig:
    """The mail relay; no host, no mail."""

    host: str = ""
    port: int = 587
    tls: str = "starttls"
    username: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where alarms are posted as JSON; no URL, no post."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class HomeAssistantConfig:
    """Discovery for Home Assistant; no prefix, no discovery."""

    prefix: str = ""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of a foreign message and the channel it becomes."""

    name: str
    channel: str
    device: str = "*"
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Foreign messages of one kind, and what they become."""

    kind: str
    site: str
    topic: str = ""
    field: tuple[FieldRule, ...] = ()

    @property
    def subscription(self) -> str:
        """The topic filter to subscribe to."""
        return self.topic or TOPICS[self.kind]

    def channels(self, device: str) -> list[FieldRule]:
        """Return the fields that are taken from a device."""
        return [rule for rule in self.field if fnmatchcase(device, rule.device)]
