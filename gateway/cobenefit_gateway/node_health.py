"""What nodes say about themselves: whether they are there, what they spent, what they lost.

A boot's row keeps its latest health message and, by channel, the most that was ever declared lost.
It must do no I/O.
"""

from typing import Any

from cobenefit_gateway.acks import Sequences
from cobenefit_gateway.state import DeviceBoot, State
from cobenefit_wire import messages, topics
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import Topic

#: What JSON readers can hold exactly. [1]
_LARGEST = 1 << 53
_LARGEST_SMALL = 1_000_000


def hear(
    state: State, topic: Topic, said: messages.State, due: set[DeviceBoot], *, fresh: bool = True
) -> None:
    """Note that a node came or went; the first birth of a boot is to be acknowledged.

    An acknowledgement tells the time, and a boot without packs may wait for it, to date them.

    Parameters
    ----------
    state : State
        Changed in place.
    topic : Topic
        Whose.
    said : messages.State
        Its birth or will.
    due : set of (site, device, boot)
        Gets the boot if nothing of it was known.
    fresh : bool
        False for what the broker had kept: it says how the node was, not that it lives.
    """
    place = topic.site, topic.device
    key = *place, said.boot
    if said.online and key not in state.sequences:
        state.sequences[key] = Sequences()
        state.changes.touch(state.changes.sequences, key, heard=fresh)
        due.add(key)
    if state.online.get(place) == said.online:
        return
    state.online[place] = said.online
    for known, row in state.health.items():
        if known[:2] == place:
            row["online"] = said.online
            state.changes.touch(state.changes.health, known, heard=fresh)


def update(
    state: State, topic: Topic, health: messages.Health, received_ms: int, due: set[DeviceBoot]
) -> None:
    """Take a health message, and what it says is lost.

    Parameters
    ----------
    state : State
        Changed in place.
    topic : Topic
        Whose.
    health : messages.Health
        What the node says.
    received_ms : int
        When it came. [Unix ms]
    due : set of (site, device, boot)
        Gets the boots whose losses are to be acknowledged.

    Raises
    ------
    WireError
        If a number or a name can't be.
    """
    _check_health(health)
    place = topic.site, topic.device
    row = _row(state, (*place, health.boot), received_ms)
    if health.uptime_ms >= row["uptime_ms"]:
        row |= {k: v for k, v in health._asdict().items() if k not in ("lost", "t_ms")}
        row |= {"t_ms": received_ms if health.t_ms is None else health.t_ms}
        row |= _clock(health.t_ms, received_ms)
    for boot, below, by_channel in health.lost:
        _check_lost(boot, below, by_channel)
        key = *place, boot
        state.sequences.setdefault(key, Sequences()).raise_floor(below)
        state.changes.touch(state.changes.sequences, key)
        due.add(key)
        lost: dict[str, int] = _row(state, key, received_ms)["lost"]
        for channel, readings in by_channel:
            lost[channel] = max(lost.get(channel, 0), readings)


def _row(state: State, key: DeviceBoot, t_ms: int) -> dict[str, Any]:
    # A boot that is only known from its losses gets a row of zeros, so that they are counted.
    site, device, boot = key
    state.changes.touch(state.changes.health, key)
    return state.health.setdefault(
        key,
        {
            "site": site,
            "device": device,
            "t_ms": t_ms,
            "boot": boot,
            "uptime_ms": 0,
            "wakes": 0,
            "energy_mj": 0,
            "energy_method": "unknown",
            "tx_bytes": 0,
            "rx_bytes": 0,
            "reconnects": 0,
            "resets": 0,
            "battery_mv": None,
            "waiting": 0,
            "lost": {},
            "asleep_ms": 0,
            "radio_ms": 0,
            "error_permille": 0,
            "flash_bytes": 0,
            "causes": [],
            "battery_changes": 0,
            "online": state.online.get((site, device), True),
        },
    )


def _clock(t_ms: int | None, received_ms: int) -> dict[str, Any]:
    # For this gateway's own eyes; `spool.LOCAL` keeps it from the backend.
    skew_ms = None if t_ms is None else t_ms - received_ms
    return {"received_ms": received_ms, "skew_ms": skew_ms, "clock_known": t_ms is not None}


def _check_health(health: messages.Health) -> None:
    numbers = [x for x in (*health, *health.causes) if isinstance(x, int)]
    small = max(health.error_permille, health.battery_changes) <= _LARGEST_SMALL
    if max(numbers) > _LARGEST or not small or len(health.energy_method) > 64:
        raise WireError("health", "a number or a text is too large")


def _check_lost(boot: object, below: object, by_channel: list[Any]) -> None:
    entries = [
        boot,
        below,
        *(e[1] if isinstance(e, list) and len(e) == 2 else -1 for e in by_channel),
    ]
    if any(
        isinstance(x, bool) or not isinstance(x, int) or not 0 <= x <= _LARGEST for x in entries
    ):
        raise WireError("health", "lost must be [boot, below, [[channel, readings], …]]")
    if not all(isinstance(e[0], str) and topics.is_channel(e[0]) for e in by_channel):
        raise WireError("health", "lost names a bad channel")
