"""How each driver is made from a board and its options; forgotten once all drivers are made."""

from cobenefit_wire.hints import Any

NONE, EVEN, ODD = None, 0, 1  # parity, as machine.UART takes it


def build(name: str, board: Any, options: dict[str, Any]) -> Any:
    """Return a driver, see `cobenefit_node.drivers.make`."""
    if name not in _MAKERS:
        raise ValueError("driver is %r: use one of %s" % (name, sorted(_MAKERS)))
    maker, known = _MAKERS[name]
    for key in options:
        if key not in known:
            raise ValueError("driver %s has no option %r: use one of %s" % (name, key, known))
    return maker(board, dict(options))


def _tic(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers import tic

    return _listening(board, options, tic.Tic, tic.RATES, (7, EVEN, 1))


def _p1(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers import p1

    return _listening(board, options, p1.P1, p1.RATES, (8, NONE, 1))


def _listening(board: Any, options: dict[str, Any], driver: Any, rates: Any, line: Any) -> Any:
    """Return a driver that finds its line's rate; the first of `rates` where none is given."""
    uart = options.pop("uart", 1)
    baud = options.pop("baud", rates[0])
    if baud not in rates:
        raise ValueError("baud is %r: use one of %s" % (baud, rates))
    options.setdefault("fresh", not getattr(board, "stepped", False))
    if hasattr(board, "rebaud"):
        options["rebaud"] = lambda rate: board.rebaud(uart, rate)
    made = driver(None, baud=baud, **options)
    made.line.stream = board.uart(uart, baud, *line)
    return made


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


def _pms5003(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.pms5003 import Pms5003

    uart = options.pop("uart", 1)
    options.setdefault("fresh", not getattr(board, "stepped", False))
    driver = Pms5003(None, **options)
    driver.line.stream = board.uart(uart, 9600, 8, NONE, 1)
    return driver


def _sds011(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.sds011 import Sds011

    uart = options.pop("uart", 1)
    options.setdefault("fresh", not getattr(board, "stepped", False))
    driver = Sds011(None, **options)
    driver.line.stream = board.uart(uart, 9600, 8, NONE, 1)
    return driver


def _ultrasonic(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.ultrasonic import Ultrasonic

    uart = options.pop("uart", 1)
    options.setdefault("fresh", not getattr(board, "stepped", False))
    options.setdefault("height_mm", None)
    driver = Ultrasonic(None, **options)
    driver.line.stream = board.uart(uart, 9600, 8, NONE, 1)
    return driver


def _tfluna(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.tfluna import Passages, TfLuna

    uart = options.pop("uart", 1)
    keys = ("road_cm", "drop_cm", "least_frames", "gap_frames")
    options.setdefault("road_cm", 0)
    passages = Passages(**{key: options.pop(key) for key in keys if key in options})
    driver = TfLuna(None, passages, **options)
    driver.stream = board.uart(uart, 115200, 8, NONE, 1)
    return driver


def _sdi12(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.sdi12 import BAUD, Sdi12

    uart = options.pop("uart", 1)
    if hasattr(board, "rebaud"):
        options["rebaud"] = lambda rate: board.rebaud(uart, rate)
    options["paced"] = not getattr(board, "stepped", False)
    driver = Sdi12(None, options.pop("values", []), **options)
    driver.stream = board.uart(uart, BAUD, 7, EVEN, 1)
    return driver


def _soil_adc(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.soil_adc import SoilAdc

    pin = options.pop("pin", 0)
    driver = SoilAdc(None, options.pop("dry", ()), options.pop("wet", ()), **options)
    driver.adc = board.adc(pin)
    return driver


def _scd4x(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.scd4x import Scd4x

    i2c = options.pop("i2c", 0)
    driver = Scd4x(None, **options)
    driver.bus = board.i2c(i2c)
    return driver


def _ds18b20(board: Any, options: dict[str, Any]) -> Any:
    from cobenefit_node.drivers.ds18b20 import Ds18b20

    pin = options.pop("pin", 0)
    if getattr(board, "stepped", False):
        options.setdefault("convert_ms", 0)
    driver = Ds18b20(None, options.pop("roms", []), **options)
    driver.bus = board.onewire(pin)
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
    "pms5003": (_pms5003, ("uart", "number", "timeout_ms")),
    "sds011": (_sds011, ("uart", "number", "timeout_ms")),
    "ultrasonic": (_ultrasonic, ("uart", "height_mm", "model", "number", "timeout_ms")),
    "tfluna": (
        _tfluna,
        ("uart", "road_cm", "drop_cm", "least_frames", "gap_frames", "number", "timeout_ms"),
    ),
    "sdi12": (_sdi12, ("uart", "values", "address", "command", "longest_s", "timeout_ms")),
    "soil_adc": (_soil_adc, ("pin", "dry", "wet", "number")),
    "scd4x": (_scd4x, ("i2c", "number", "timeout_ms")),
    "ds18b20": (_ds18b20, ("pin", "roms", "channel", "number", "convert_ms")),
}
