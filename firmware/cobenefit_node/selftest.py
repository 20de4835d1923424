"""A self-test: sensors, flash, clock, link, broker and heap, while the node goes on measuring.

On the bench, from the console of a node that is not running (docs/howto/configure-nodes.md):

    >>> from cobenefit_node import selftest
    >>> selftest.bench()
    energy_import_wh  ok   1234567 Wh
    flash             ok   25 ms, 812 kB free
    …

From afar the command `selftest` runs it. A row is (what, "ok" | "bad" | "-", value); "-" is what
this board can't tell. A sensor is read between its ticks: what it says is shown and not kept, but
an event, which comes once, is kept.
"""

import asyncio
import gc
import os
from binascii import crc32

from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire import messages, quality, topics, units
from cobenefit_wire.hints import Any

_FILE = "selftest.tmp"
_PATTERN = bytes(range(256)) * 4
_ROUND_TRIP_MS = 15_000
_SENSOR_S = 60
#: An ack takes seconds; a clock further ahead than that is wrong. [ms]
_AHEAD_MS = 60_000
Row = tuple  # (what, state, value)


async def run(remote: Any) -> list[Row]:
    """Return the rows of every test; none raises, and none ends the node."""
    rows: list[Row] = []
    for sampler in remote.node.samplers:
        rows += await _sensor(sampler)
    rows.append(_guarded("flash", flash))
    rows.append(_guarded("clock", lambda: _clock(remote.clock)))
    rows.append(_guarded("link", lambda: _link(remote.tls)))
    rows.append(await _broker(remote))
    rows.append(_guarded("heap", _heap))
    return rows


def text(rows: list[Row]) -> str:
    """Return the rows as lines of three fields, as `cmd/result/selftest` carries them."""
    return "\n".join(["\t".join(row) for row in rows])


def flash() -> tuple[str, str]:
    """Write 1 kB, read it back, compare, and say how much is free."""
    started = ticks_ms()
    with open(_FILE, "wb") as f:
        f.write(_PATTERN)
        f.flush()
    with open(_FILE, "rb") as f:
        same = crc32(f.read()) == crc32(_PATTERN)
    os.remove(_FILE)
    took_ms = ticks_diff(ticks_ms(), started)
    if not same:
        return "bad", "reads back other bytes than were written"
    found: Any = os.statvfs(".")
    return "ok", "%d ms, %d kB free" % (took_ms, found[0] * found[3] // 1024)


async def _sensor(sampler: Any) -> list[Row]:
    try:
        values = await asyncio.wait_for(sampler.probe(), _SENSOR_S)
    except Exception as err:  # a driver that breaks is what the test is for
        return [("sensor", "bad", repr(err))]
    rows = []
    for value in values:
        state = "bad" if value.quality else "ok"
        rows.append((value.channel, state, _reading(value)))
    return rows or [(sampler.channels[0], "ok", "no event now")]


def _reading(value: Any) -> str:
    if value.quality:
        return quality.NAMES[value.quality]
    unit = units.QUANTITIES[units.quantity_of(value.channel)].unit
    return decimal(value.value, value.exponent) + " " + unit


def decimal(number: int, exponent: int) -> str:
    """Return `number` x 10^`exponent` as text, without floats [any]."""
    if exponent >= 0:
        return str(number * 10**exponent)
    digits = "%0*d" % (1 - exponent, abs(number))
    return ("-" if number < 0 else "") + digits[:exponent] + "." + digits[exponent:]


def _clock(clock: Any) -> tuple[str, str]:
    if not clock.time_known():
        return "bad", "the time is unknown; " + (clock.ntp_error or clock.source)
    if clock.behind_ms is None:
        return "ok", "set by " + clock.source
    state = "ok" if clock.behind_ms > -_AHEAD_MS else "bad"
    return state, "set by %s, %d ms from the gateway" % (clock.source, clock.behind_ms)


def _link(tls: bool) -> tuple[str, str]:
    said = "TLS" if tls else "no TLS"
    try:
        import network  # type: ignore[import-not-found,unused-ignore]

        wlan: Any = network.WLAN(network.STA_IF)
        return "ok", "%s, %d dBm" % (said, wlan.status("rssi"))
    except (ImportError, AttributeError, OSError, ValueError):
        return "-", said + ", no signal strength on this board"


async def _broker(remote: Any) -> Row:
    """Publish and wait for the broker's PUBACK."""
    client = remote.client
    if client is None:
        return ("broker", "bad", "not connected")
    site, _, device = remote.node.name.partition("/")
    topic = topics.build(site, device, "cmd/result", "selftest")
    running = messages.Result("selftest", 0, "running", "")
    back: list[int] = []
    heard = client.on_puback

    def on_puback(token: object) -> None:
        if token is _PATTERN:
            back.append(ticks_ms())
        heard(token)

    client.on_puback = on_puback
    started = ticks_ms()
    try:
        while not client.room() and ticks_diff(ticks_ms(), started) < _ROUND_TRIP_MS:
            await sleep_ms(10)
        started = ticks_ms()
        await client.publish(topic, messages.encode(running), token=_PATTERN)
        while not back and ticks_diff(ticks_ms(), started) < _ROUND_TRIP_MS:
            await sleep_ms(10)
    except (OSError, ValueError) as err:
        return ("broker", "bad", repr(err))
    finally:
        client.on_puback = heard
    if not back:
        return ("broker", "bad", "no answer within %d s" % (_ROUND_TRIP_MS // 1000))
    return ("broker", "ok", "%d ms there and back" % ticks_diff(back[0], started))


def _heap() -> tuple[str, str]:
    gc.collect()
    free: Any = getattr(gc, "mem_free", lambda: -1)()
    return ("ok" if free >= 8192 else "bad") if free >= 0 else "-", "%d B free" % free


def _guarded(what: str, test: Any) -> Row:
    try:
        return (what,) + test()  # noqa: RUF005 MicroPython has no (a, *b)
    except Exception as err:  # what fails is said in its row
        return (what, "bad", repr(err))


def bench(timeout_s: int = 30) -> None:
    """Start the node's parts, test them, print the rows, and stop; for the console [s]."""
    asyncio.run(_bench(timeout_s))


async def _bench(timeout_s: int) -> None:
    from cobenefit_node import settings
    from cobenefit_node.board import Board
    from cobenefit_node.clock import Clock
    from cobenefit_node.main import Node

    node = Node(settings.load(), Board(), Clock())
    link = asyncio.create_task(node.uplink.run())
    started = ticks_ms()
    while not node.uplink.connected and ticks_diff(ticks_ms(), started) < timeout_s * 1000:
        await sleep_ms(50)
    for what, state, value in await run(node.remote):
        print("%-24s %-4s %s" % (what, state, value))
    link.cancel()
    node.ring.settle()
