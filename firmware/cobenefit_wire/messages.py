"""The small messages beside packs: ack, state and health, as CBOR maps with integer keys.

ack      gateway -> node   1 boot · 2 floor (all sequences below it are durable) ·
                           3 ranges [low, high, …] above the floor, inclusive · 4 gateway time [ms]
state    node, retained    1 online · 2 boot · 3 software version · 4 board · 5 reset cause ·
                           6 asleep for [s], 0 awake
health   node's ledger     1 boot · 2 uptime [ms] · 3 wakes · 4 energy [mJ] · 5 energy method ·
                           6 bytes sent · 7 bytes received · 8 reconnects · 9 resets ·
                           10 battery [mV] or null · 11 packs waiting · 12 time [ms] or null ·
                           13 lost [[boot, below, [[channel, readings], …]], …] ·
                           14 time asleep [ms] · 15 radio on [ms] · 16 energy error [1/1000] ·
                           17 bytes written to flash · 18 resets by cause [power on, hard,
                           watchdog, deep sleep (always 0), soft, brown-out] · 19 battery changes

result   node, retained    1 subject · 2 counter · 3 outcome · 4 detail   (leaf
         `cmd/result`, by subject)

`lost`: every sequence of that boot below `below` that was never acknowledged had to make room in
a full ring; the readings lost are counted by channel and never waited for. Fields after the 5th
of a state and the 13th of a health are missing from older nodes and read as 0. The energy
lies between itself divided and multiplied by 1 + error / 1000.
"""

from collections import namedtuple

from cobenefit_wire import cbor
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

Ack = namedtuple("Ack", ("boot", "floor", "ranges", "t_ms"))
State = namedtuple("State", ("online", "boot", "version", "board", "reset_cause", "asleep_s"))
Health = namedtuple(
    "Health",
    ("boot", "uptime_ms", "wakes", "energy_mj", "energy_method", "tx_bytes", "rx_bytes",
     "reconnects", "resets", "battery_mv", "waiting", "t_ms", "lost", "asleep_ms", "radio_ms",
     "error_permille", "flash_bytes", "causes", "battery_changes"),
)  # fmt: skip
Result = namedtuple("Result", ("subject", "counter", "outcome", "detail"))
#: What an older node does not say: how many fields it may leave out, at the end, and their values.
_LATER_STATE = (0,)
_LATER_HEALTH: tuple[Any, ...] = (0, 0, 0, 0, (), 0)
_NONE_ALLOWED = ("battery_mv", "t_ms")
_TEXT = (
    "version", "board", "reset_cause", "energy_method", "subject", "outcome", "detail",
)  # fmt: skip


def encode(message: tuple[Any, ...]) -> bytes:
    """Return the bytes of an `Ack`, a `State`, a `Health` or a `Result`."""
    return cbor.dumps(cbor.Pairs([(i + 1, x) for i, x in enumerate(message)]))


def decode_ack(data: bytes) -> Ack:
    """Return the ack in `data`; WireError when it is none."""
    ack = Ack(*_fields(data, ("boot", "floor", "ranges", "t_ms")))
    if len(ack.ranges) % 2 or any(not isinstance(x, int) for x in ack.ranges):
        raise WireError("ack", "ranges come as low, high pairs")
    return ack


def decode_state(data: bytes) -> State:
    """Return the state in `data`; WireError when it is none."""
    names = ("online", "boot", "version", "board", "reset_cause", "asleep_s")
    return State(*_fields(data, names, _LATER_STATE))


def decode_result(data: bytes) -> Result:
    """Return the result in `data`; WireError when it is none."""
    return Result(*_fields(data, ("subject", "counter", "outcome", "detail")))


def decode_health(data: bytes) -> Health:
    """Return the health ledger in `data`; WireError when it is none."""
    names = (
        "boot", "uptime_ms", "wakes", "energy_mj", "energy_method", "tx_bytes", "rx_bytes",
        "reconnects", "resets", "battery_mv", "waiting", "t_ms", "lost", "asleep_ms", "radio_ms",
        "error_permille", "flash_bytes", "causes", "battery_changes",
    )  # fmt: skip
    health = Health(*_fields(data, names, _LATER_HEALTH))
    for entry in health.lost:
        if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], list):
            raise WireError("health", "lost must be [boot, below, [[channel, readings], …]]")
    if len(health.causes) > 16 or not all(_fits("", n) for n in health.causes):
        raise WireError("health", "causes must be counts")
    return health


def _fields(data: bytes, names: tuple[str, ...], later: tuple[Any, ...] = ()) -> list[Any]:
    fields = cbor.loads(data)
    if not isinstance(fields, dict):
        raise WireError("message", "not a map")
    out = []
    for key, name in enumerate(names, 1):
        if key not in fields and key > len(names) - len(later):
            out.append(later[key - len(names) - 1])
            continue
        if key not in fields:
            raise WireError("message", "field " + name + " is missing")
        value = fields[key]
        if not _fits(name, value):
            raise WireError("message", "field " + name + " has the wrong type")
        out.append(value)
    return out


def _fits(name: str, value: object) -> bool:
    if value is None:
        return name in _NONE_ALLOWED
    if name in _TEXT:
        return isinstance(value, str)
    if name in ("ranges", "lost", "causes"):
        return isinstance(value, list)
    if name == "online":
        return value is True or value is False
    return isinstance(value, int) and value is not True and value is not False and value >= 0
