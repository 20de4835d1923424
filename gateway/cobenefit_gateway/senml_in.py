"""Third-party SenML (RFC 8428), JSON or CBOR, to runs of readings by channel.

The topic says site and device; the part of a record's name after its last `/` or `:` is the
channel. A value that is not finite is flagged and costs only itself; anything else that is not
SenML refuses the message.
"""

import json
import math
from typing import Any

import cbor2
import numpy as np

from cobenefit_gateway.decode import Run
from cobenefit_wire import quality, senml
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import is_channel


def decode_senml(payload: bytes, now_ms: int) -> dict[str, Run]:
    """Return one run per channel of a message.

    Parameters
    ----------
    payload : bytes
        SenML as JSON or CBOR.
    now_ms : int
        Receive time, for relative times. [ms]

    Returns
    -------
    dict of str to Run
        Runs by channel, ordered in time.

    Raises
    ------
    WireError
        If the message is not SenML of finite, named numbers in one unit per channel.
    """
    array = parse(payload)
    unfinite = _replace_unfinite(array)
    by_channel: dict[str, list[tuple[int, float, int, str]]] = {}
    for i, record in enumerate(senml.resolve(array, now_ms)):
        channel = record.name.replace(":", "/").rpartition("/")[2]
        if not is_channel(channel):
            raise WireError("senml_name", "no channel at the end of a record's name")
        code = quality.NOT_FINITE if i in unfinite else quality.GOOD
        by_channel.setdefault(channel, []).append((record.t_ms, record.value, code, record.unit))
    return {channel: _run(records) for channel, records in by_channel.items()}


def is_absolute(payload: bytes) -> bool:
    """Whether all times are absolute, so that the same bytes are the same readings."""
    array = parse(payload)
    _replace_unfinite(array)
    return [r.t_ms for r in senml.resolve(array, 0)] == [r.t_ms for r in senml.resolve(array, 1)]


def parse(payload: bytes) -> Any:
    """Return the parsed array; WireError when it is neither JSON nor CBOR."""
    text = payload[:1] in b"[ \t\r\n"
    try:
        return json.loads(payload) if text else cbor2.loads(payload)
    except (ValueError, EOFError, RecursionError, cbor2.CBORDecodeError) as err:
        raise WireError("senml", "neither JSON nor CBOR") from err


def _run(records: list[tuple[int, float, int, str]]) -> Run:
    if len({unit for _, _, _, unit in records}) > 1:
        raise WireError("unit", "one channel in two units")
    records.sort(key=lambda r: r[0])
    t_ms = np.array([r[0] for r in records], dtype=np.int64)
    value = np.array([r[1] for r in records], dtype=np.float64)
    codes = np.array([r[2] for r in records], dtype=np.uint8)
    step_ms = int(t_ms[-1] - t_ms[0]) // max(len(records) - 1, 1)
    return Run(-1, -1, records[0][3], False, step_ms, t_ms, value, codes)


def _replace_unfinite(array: Any) -> set[int]:
    # NaN or infinity as a value would refuse the whole message: put 0 and remember which.
    found: set[int] = set()
    if not isinstance(array, list):
        return found
    emitted = 0
    for record in array:
        if not isinstance(record, dict):
            continue
        for key in ("v", 2):
            value = record.get(key)
            if isinstance(value, float) and not math.isfinite(value):
                record[key] = 0
                found.add(emitted)
        emitted += any(key in record for key in ("v", 2, "bv", -5))
    return found
