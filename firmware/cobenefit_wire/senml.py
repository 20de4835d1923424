"""Third-party SenML (RFC 8428): resolve base fields of an already parsed JSON or CBOR array.

Bytes are parsed by the gateway's libraries; this file only applies section 4: base name, time,
unit and value, relative times, and the rule that a name must not be empty. It must do no I/O and
read no clock: "now" is an argument.
"""

from collections import namedtuple

from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

#: RFC 8428 section 6, table 6: CBOR labels of the text labels.
LABELS = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
}
#: Section 4.5.3: a time below 2^28 s counts from now, any other from 1970.
_RELATIVE_BELOW_S = 1 << 28
#: Above any value or time that means something; NaN and infinity fail the comparison too.
_FINITE = 1e15
_BASE = ("bn", "bt", "bu", "bv", "bs", "bver")

Record = namedtuple("Record", ("name", "unit", "t_ms", "value"))


def resolve(array: object, now_ms: int) -> list[Record]:
    """Return the resolved records of a SenML array; WireError when it is not valid SenML.

    Records without a numeric value `v` (text, boolean, data, sum only) are refused with the
    reason `senml_value`: nothing here would aggregate them. `now_ms` is Unix time. [ms]
    """
    if not isinstance(array, list) or not array:
        raise WireError("senml", "not a non-empty array")
    base: dict[str, Any] = {"bn": "", "bt": 0, "bu": "", "bv": 0}
    out = []
    for raw in array:
        record = _named(raw)
        for key in _BASE:
            if key in record:
                base[key] = record[key]
        if "v" in record or "bv" in record:
            out.append(_record(record, base, now_ms))
        elif "n" in record or "vs" in record or "vb" in record or "vd" in record:
            raise WireError("senml_value", "only numeric values are taken")
    return out


def _named(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise WireError("senml", "a record is not a map")
    record = {}
    for key, value in raw.items():
        name = LABELS.get(key, "") if isinstance(key, int) else key
        if not isinstance(name, str):
            raise WireError("senml", "a label is neither text nor a number")
        if name.endswith("_"):
            # Section 4.4: a label ending in _ must be understood; others may be ignored.
            raise WireError("senml_label", "label " + str(key) + " must be understood")
        record[name] = value
    return record


def _record(record: dict[str, Any], base: dict[str, Any], now_ms: int) -> Record:
    name = str(base["bn"]) + str(record.get("n", ""))
    if not name:
        raise WireError("senml", "a record without a name")
    numbers = (record.get("v", 0), base["bv"], record.get("t", 0), base["bt"])
    if any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in numbers):
        raise WireError("senml", "value and time must be numbers")
    value = numbers[0] + numbers[1]
    time_s = numbers[2] + numbers[3]
    if not (abs(value) < _FINITE and abs(time_s) < _FINITE):
        raise WireError("not_finite", "value or time is not a finite number")
    t_ms = round(time_s * 1000)
    if time_s < _RELATIVE_BELOW_S:
        t_ms += now_ms
    return Record(name, str(record.get("u", base["bu"])), t_ms, value)
