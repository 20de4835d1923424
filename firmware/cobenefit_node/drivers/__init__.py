"""Drivers: one file per sensor, bytes in, integer readings out.

>>> driver = make("tic", board, {"uart": 1})
>>> await driver.read()
[Value(channel='energy_import_wh', value=10509181, exponent=0, quality=0), …]

Only the driver asked for is imported: a board has little memory.
"""

from cobenefit_wire.hints import Any

NONE, EVEN, ODD = None, 0, 1  # parity, as machine.UART takes it


def make(name: str, board: Any, options: dict[str, Any]) -> Any:
    """Return a driver.

    Parameters
    ----------
    name : str
        `tic`, `p1`, `iec62056`, `modbus`, `ld2451` or `pulse`.
    board : object
        Gives `uart(id, baud, bits, parity, stop)`, an asyncio stream, and `counter(id)`. It may
        give `rebaud(id, baud)`, and say `stepped = True` where time is stepped (simulation).
    options : dict
        The driver's settings, see docs/reference/drivers.md.

    Returns
    -------
    object
        Has `channels`, `event` and `async read()`.

    Raises
    ------
    ValueError
        If the name, an option or its value is unknown; nothing has been opened then.
    """
    if name not in _MAKERS:
        raise ValueError("driver is %r: use one of %s" % (name, sorted(_MAKERS)))
    build, known = _MAKERS[name]
    for key in options:
        if key not in known:
            raise ValueError("driver %s has no option %r: use one of %s" % (name, key, known))
    return build(board, dict(options))


def _tic(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.tic import Tic

    uart = options.pop("uart", 1)
    baud = options.pop("baud", 1200)
    if baud not in (1200, 9600):
        raise ValueError("baud is %r: tic has 1200 (historical) or 9600 (standard)" % baud)
    options.setdefault("fresh", not getattr(board, "stepped", False))
    if hasattr(board, "rebaud"):
        options["rebaud"] = lambda rate: board.rebaud(uart, rate)
    return Tic(board.uart(uart, baud, 7, EVEN, 1), baud=baud, **options)


def _p1(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.p1 import P1, RATES

    uart = options.pop("uart", 1)
    baud = options.pop("baud", RATES[0])
    if baud not in RATES:
        raise ValueError("baud is %r: p1 has 115200 (DSMR 4 and 5) or 9600 (DSMR 2 and 3)" % baud)
    options.setdefault("fresh", not getattr(board, "stepped", False))
    if hasattr(board, "rebaud"):
        options["rebaud"] = lambda rate: board.rebaud(uart, rate)
    driver = P1(None, baud=baud, **options)
    driver.stream = board.uart(uart, baud, 8, NONE, 1)
    return driver


def _iec62056(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.iec62056 import SLOW, Iec62056

    uart = options.pop("uart", 1)
    if hasattr(board, "rebaud"):
        options["rebaud"] = lambda rate: board.rebaud(uart, rate)
    driver = Iec62056(None, settle=not getattr(board, "stepped", False), **options)
    driver.stream = board.uart(uart, SLOW, 7, EVEN, 1)
    return driver


def _modbus(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.maps import MAPS
    from cobenefit_node.drivers.modbus import Modbus, gap_ms

    devices = options.get("devices")
    if not devices:
        keys = ("map", "unit", "number", "channels")
        devices = [{key: options[key] for key in keys if key in options}]
    for device in devices:
        if device.get("map") not in MAPS:
            raise ValueError("map is %r: use one of %s" % (device.get("map"), sorted(MAPS)))
    baud = options.get("baud", MAPS[devices[0]["map"]][1])
    silence_ms = 0 if getattr(board, "stepped", False) else gap_ms(baud)
    driver = Modbus(None, devices, silence_ms, options.get("timeout_ms", 500))
    driver.stream = board.uart(options.get("uart", 1), baud, 8, NONE, 1)
    return driver


def _ld2451(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.ld2451 import Ld2451

    uart = options.pop("uart", 1)
    driver = Ld2451(None, **options)
    driver.stream = board.uart(uart, 115200, 8, NONE, 1)
    return driver


def _pulse(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.pulse import Pulse

    counter = options.pop("counter", 0)
    driver = Pulse(None, **options)
    driver.counter = board.counter(counter)
    return driver


_MAKERS = {
    "tic": (_tic, ("uart", "baud", "export", "number", "timeout_ms", "fresh")),
    "p1": (_p1, ("uart", "baud", "export", "number", "timeout_ms", "fresh")),
    "iec62056": (_iec62056, ("uart", "export", "number", "timeout_ms")),
    "modbus": (
        _modbus,
        ("uart", "baud", "map", "unit", "number", "channels", "devices", "timeout_ms"),
    ),
    "ld2451": (_ld2451, ("uart", "direction", "number", "timeout_ms")),
    "pulse": (_pulse, ("counter", "channel", "pulses_per_kwh", "bits", "number")),
}
