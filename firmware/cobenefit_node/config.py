"""`config.json`: read and checked in full before the first connection.

`docs/reference/node-config.md` describes each key. An error names file, key, value and what is
allowed; secrets are never shown.
"""

import json
from collections import namedtuple

from cobenefit_wire import topics
from cobenefit_wire.hints import Any, const

Config = namedtuple(
    "Config",
    ("site", "device", "board", "broker", "sensors", "pack_readings", "pack_age_ms", "ring",
     "health_ms", "power_mw", "ina219", "bridge", "sleep", "battery", "wifi"),
)  # fmt: skip
Broker = namedtuple("Broker", ("host", "port", "user", "password", "tls"))
Tls = namedtuple("Tls", ("ca", "cert", "key", "server_hostname"))
Sensor = namedtuple("Sensor", ("driver", "uart", "counter", "pin", "i2c", "period_ms", "options"))
Meter = namedtuple("Meter", ("scl", "sda", "shunt_mohm"))
Sleep = namedtuple("Sleep", ("wakes_per_send", "give_up_ms", "power_uw"))
Battery = namedtuple("Battery", ("adc", "scale_permille", "jump_mv", "set"))
RingSize = namedtuple("RingSize", ("dir", "segments", "segment_bytes"))

_DAY_MS = const(86_400_000)
#: Drivers of what happens while nobody looks; asleep they would miss it.
_BLIND = {
    "ld2451": "the radar reports a vehicle when it passes",
    "tfluna": "the range finder reports a vehicle when it passes",
    "pulse": "the counter stops in deep sleep",
}
_SECRET = ("password", "key", "wifi")


class ConfigError(ValueError):
    """The configuration is wrong: `path`, `key`, `value` and what is `allowed`."""

    def __init__(self, path: str, key: str, value: object, allowed: str) -> None:
        shown = "***" if key.rsplit(".", 1)[-1] in _SECRET else repr(value)
        super().__init__(path + ": " + key + " is " + shown + "; allowed: " + allowed)
        self.path = path
        self.key = key
        self.value = value
        self.allowed = allowed


def load(path: str) -> Config:
    """Return the checked configuration in a file; ConfigError or OSError when there is none."""
    try:
        with open(path) as f:
            raw = json.load(f)
    except ValueError as err:
        raise ConfigError(path, "(file)", str(err), "a JSON object")  # noqa: B904
    return parse(raw, path)


def parse(raw: object, path: str = "config.json") -> Config:
    """Return the checked configuration of an already parsed object."""
    top = _Table(raw, path, "")
    config = Config(
        top.check("site", topics.is_id, "[a-z0-9-]{1,32}"),
        top.check("device", topics.is_id, "[a-z0-9-]{1,32}"),
        top.check("board", topics.is_channel, "[a-z0-9_]{1,32}", "unix"),
        _broker(top.table("broker")) if _has_broker(top) else None,
        _sensors(top),
        # A message to a bridge has 7 kB, and a pack takes at most 13 bytes a reading.
        top.integer("pack_readings", 1, 500 if "bridge" in top.raw else 1000, 60),
        top.integer("pack_age_ms", 1, 366 * _DAY_MS, 3_600_000),
        _ring(top.table("ring", {})),
        top.integer("health_ms", 1000, _DAY_MS, 60_000),
        _power(top.table("power_mw", {})),
        _meter(top.table("ina219")) if "ina219" in top.raw else None,
        _bridge(top) if "bridge" in top.raw else None,
        _sleep(top.table("sleep")) if "sleep" in top.raw else None,
        _battery(top.table("battery")) if "battery" in top.raw else None,
        _wifi(top) if "wifi" in top.raw else None,
    )
    if config.wifi is not None and config.bridge is not None:
        raise top.error("wifi", "***", "with broker only: a bridge has the radio on its channel")
    top.integer("lifetime_claim_years", 1, 50, None)  # for `cobenefit node energy`
    if config.sleep is not None:
        _check_awake(top, config.sensors)
    top.done()
    return config


def _has_broker(top: "_Table") -> bool:
    given = [key for key in ("broker", "bridge") if key in top.raw]
    if len(given) != 1:
        raise top.error("broker", given, "exactly one of broker and bridge")
    return given == ["broker"]


def _bridge(top: "_Table") -> Any:
    from cobenefit_node.bridge_keys import read_bridge

    return read_bridge(top)


def _wifi(top: "_Table") -> Any:
    from cobenefit_node.wifi_config import read_wifi

    return read_wifi(top)


def _broker(table: "_Table") -> Broker:
    broker = Broker(
        table.text("host"),
        table.integer("port", 1, 65_535, 1883),
        table.text("user", ""),
        table.text("password", ""),
        _tls(table.table("tls")) if "tls" in table.raw else None,
    )
    table.done()
    return broker


def _tls(table: "_Table") -> Tls:
    # Without a name the certificate's name is not checked at all: any certificate would do.
    tls = Tls(
        table.text("ca"),
        table.text("cert", ""),
        table.text("key", ""),
        table.text("server_hostname"),
    )
    if bool(tls.cert) != bool(tls.key):
        raise table.error("cert", tls.cert, "cert and key together, or neither")
    table.done()
    return tls


def _sensors(top: "_Table") -> list[Sensor]:
    raw = top.take("sensors", [])
    if not isinstance(raw, list) or not 1 <= len(raw) <= 16:
        raise top.error("sensors", raw, "a list of 1 to 16 sensors")
    return [_sensor(_Table(raw[i], top.path, "sensors." + str(i) + ".")) for i in range(len(raw))]


def _sensor(table: "_Table") -> Sensor:
    sensor = Sensor(
        table.check("driver", topics.is_channel, "the name of a driver"),
        table.integer("uart", 0, 9, None),
        table.integer("counter", 0, 9, None),
        table.integer("pin", 0, 99, None),
        table.integer("i2c", 0, 9, None),
        table.integer("period_ms", 1, _DAY_MS),
        table.take("options", {}),
    )
    if not isinstance(sensor.options, dict):
        raise table.error("options", sensor.options, "an object")
    if [sensor.uart, sensor.counter, sensor.pin, sensor.i2c].count(None) != 3:
        raise table.error("uart", sensor.uart, "exactly one of uart, counter, pin and i2c")
    table.done()
    return sensor


def _ring(table: "_Table") -> RingSize:
    ring = RingSize(
        table.text("dir", "ring"),
        table.integer("segments", 3, 4096, 16),
        table.integer("segment_bytes", 1024, 65_535, 16_384),
    )
    table.done()
    return ring


def _power(table: "_Table") -> dict[str, int]:
    power = {k: table.integer(k, 0, 100_000, 0) for k in ("idle", "active", "radio")}
    table.done()
    return power


def _meter(table: "_Table") -> Meter:
    meter = Meter(
        table.integer("scl", 0, 99),
        table.integer("sda", 0, 99),
        table.integer("shunt_mohm", 1, 10_000, 100),
    )
    table.done()
    return meter


def _sleep(table: "_Table") -> Sleep:
    sleep = Sleep(
        table.integer("wakes_per_send", 0, 1000, 0),
        table.integer("give_up_ms", 1000, 600_000, 30_000),
        table.integer("power_uw", 0, 1_000_000, 0),
    )
    table.done()
    return sleep


def _check_awake(top: "_Table", sensors: list[Sensor]) -> None:
    for i in range(len(sensors)):
        why = _BLIND.get(sensors[i].driver)
        if why is not None:
            key = "sensors." + str(i) + ".driver"
            raise top.error(key, sensors[i].driver, "with sleep no such driver: " + why)


def _battery(table: "_Table") -> Battery:
    battery = Battery(
        table.integer("adc", 0, 99),
        table.integer("scale_permille", 1, 100_000, 1000),
        table.integer("jump_mv", 50, 10_000, 300),
        table.integer("set", 0, 1000, 0),
    )
    table.done()
    return battery


class _Table:
    """One JSON object whose keys are taken one by one; a key left over is an error."""

    def __init__(self, raw: object, path: str, prefix: str) -> None:
        self.path = path
        self.prefix = prefix
        if not isinstance(raw, dict):
            raise ConfigError(path, prefix[:-1] or "(file)", raw, "an object")
        self.raw: dict[str, Any] = dict(raw)

    def error(self, key: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(self.path, self.prefix + key, value, allowed)

    def take(self, key: str, default: object = None) -> Any:
        return self.raw.pop(key, default)

    def table(self, key: str, default: object = None) -> "_Table":
        return _Table(self.take(key, default), self.path, self.prefix + key + ".")

    def text(self, key: str, default: object = None) -> str:
        value = self.take(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self.error(key, value, "a text that is not empty")
        return value

    def check(self, key: str, test: Any, allowed: str, default: object = None) -> str:
        value = self.take(key, default)
        if not isinstance(value, str) or not test(value):
            raise self.error(key, value, allowed)
        return value

    def integer(self, key: str, low: int, high: int, default: Any = "") -> Any:
        value = self.take(key, default)
        if value is None and default is None:
            return None
        if not isinstance(value, int) or value is True or value is False:
            raise self.error(key, value, "an integer from %d to %d" % (low, high))
        if not low <= value <= high:
            raise self.error(key, value, "%d to %d" % (low, high))
        return value

    def done(self) -> None:
        for key in self.raw:  # its value is not shown: it may be a secret, misspelt
            raise self.error(key, "***", "no such key")
