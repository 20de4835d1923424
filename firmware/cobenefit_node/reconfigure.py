"""A configuration that came over the air, checked whole before anything changes.

Imported by `commands.py` for one command, and forgotten.
"""

import json

from cobenefit_node import config, drivers, settings
from cobenefit_node.commands import Refused
from cobenefit_node.trials import Trials
from cobenefit_wire.hints import Any

#: A name is in topics, certificates and updates; the ring's folder holds what is not yet sent.
_FIXED = ("site", "device", "board")


def checked(trials: Trials, asked: Any, signed: bool) -> tuple[bytes, ...]:
    """Return the configuration to try, complete; `Refused` when it may not be."""
    old = settings.raw(trials, renewed=False)
    try:
        new: Any = json.loads(asked.content)
    except ValueError:
        raise Refused("not JSON")  # noqa: B904
    if not isinstance(new, dict):
        raise Refused("not a JSON object")
    for name in ("broker", "bridge", "wifi"):  # what decides whom the node speaks to
        if name in old:
            new.setdefault(name, old[name])
        if new.get(name) != old.get(name) and not signed:
            raise Refused("a change of broker, bridge, Wi-Fi, CA or keys must be signed")
    try:
        parsed = config.parse(new, "command")
    except config.ConfigError as err:
        raise Refused(str(err))  # noqa: B904
    before = config.parse(old)
    for name in _FIXED:
        if getattr(parsed, name) != getattr(before, name):
            raise Refused(name + " is set on the bench and never over the air")
    if parsed.ring.dir != before.ring.dir:
        raise Refused("ring.dir would leave the readings in the old one behind")
    _sensors(parsed, asked.confirm_s)
    return (json.dumps(new).encode(),)


def _sensors(parsed: Any, confirm_s: int) -> None:
    """Build each driver on a board of nothing, and see that a reading comes within the trial."""
    if min([s.period_ms for s in parsed.sensors]) >= confirm_s * 1000:
        raise Refused("no sensor is read within the %d s of the trial" % confirm_s)
    for sensor in parsed.sensors:
        options = dict(sensor.options)
        for key in ("uart", "counter", "pin", "i2c"):
            if getattr(sensor, key) is not None:
                options[key] = getattr(sensor, key)
        try:
            drivers.make(sensor.driver, _Nothing(), options)
        except (ValueError, TypeError) as err:
            raise Refused("sensor %s: %s" % (sensor.driver, err))  # noqa: B904


class _Nothing:
    """A board without anything on it."""

    def uart(self, *_: Any) -> Any:
        return None

    counter = adc = i2c = onewire = pin = uart
