"""Drivers: one file per sensor, bytes in, integer readings out.

>>> driver = make("tic", board, {"uart": 1})
>>> await driver.read()
[Value(channel='energy_import_wh', value=10509181, exponent=0, quality=0), …]

Only the driver asked for is imported: a board has little memory.
"""

from cobenefit_wire.hints import Any


def make(name: str, board: Any, options: dict[str, Any]) -> Any:
    """Return a driver.

    Parameters
    ----------
    name : str
        One of docs/reference/drivers.md, say `tic`.
    board : object
        Gives `uart(id, baud, bits, parity, stop)`, an asyncio stream, `counter(id)`, `adc(id)`,
        `i2c(id)` and `onewire(id)`. It may give `rebaud(id, baud)`, and say `stepped = True`
        where time is stepped (simulation).
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
    from cobenefit_node.makers import build

    return build(name, board, options)
