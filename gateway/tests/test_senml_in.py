import json

import cbor2
import numpy as np
import pytest

from cobenefit_gateway.senml_in import decode_senml, is_absolute
from cobenefit_wire import quality
from cobenefit_wire.errors import WireError

NOW = 1_700_000_000_000
RECORDS = [
    {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": 1_600_000_000, "bu": "W",
     "n": "power_active_w", "v": 120.5},
    {"n": "power_active_w", "t": 60, "v": 121},
    {"n": "voltage_v", "u": "V", "t": 30, "v": 230.1},
]  # fmt: skip


@pytest.mark.parametrize("encode", [lambda x: json.dumps(x).encode(), cbor2.dumps])
def test_both_encodings(encode):
    runs = decode_senml(encode(RECORDS), NOW)
    assert runs["power_active_w"].value.tolist() == [120.5, 121.0]
    assert runs["power_active_w"].t_ms.tolist() == [1_600_000_000_000, 1_600_000_060_000]
    assert (runs["voltage_v"].unit, runs["voltage_v"].t_ms.tolist()) == ("V", [1_600_000_030_000])


def test_cbor_integer_labels_and_records_out_of_order():
    records = [{-2: "x/", -3: 1_600_000_000, 0: "voltage_v", 1: "V", 6: 9, 2: 1},
               {0: "voltage_v", 1: "V", 6: 3, 2: 2}]  # fmt: skip
    run = decode_senml(cbor2.dumps(records), NOW)["voltage_v"]
    assert run.value.tolist() == [2, 1]
    assert np.all(np.diff(run.t_ms) > 0)


@pytest.mark.parametrize("bad", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_value_that_is_not_finite_costs_only_itself(bad):
    text = json.dumps(RECORDS).encode().replace(b"121,", bad + b",").replace(b"121}", bad + b"}")
    run = decode_senml(text, NOW)["power_active_w"]
    assert run.quality.tolist() == [quality.GOOD, quality.NOT_FINITE]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[", "senml"),
        (b"", "senml"),
        (b"\xff\xff", "senml"),
        (b"[" * 100_000, "senml"),
        (b"{}", "senml"),
        (b"[]", "senml"),
        (b'[{"n":"voltage_v","u":"V","vs":"x"}]', "senml_value"),
        (b'[{"n":"voltage_v","u":"V","v":1,"x_":1}]', "senml_label"),
        (b'[{"n":"a/B-C","u":"V","v":1}]', "senml_name"),
        (b'[{"n":"voltage_v","u":"V","v":1},{"n":"voltage_v","u":"mV","v":1}]', "unit"),
        (b'[{"n":"voltage_v","u":"V","v":1,"t":1e300}]', "not_finite"),
    ],
)
def test_what_is_refused(payload, reason):
    with pytest.raises(WireError) as err:
        decode_senml(payload, NOW)
    assert err.value.reason == reason


def test_absolute_and_relative_times():
    assert is_absolute(json.dumps(RECORDS).encode())
    assert not is_absolute(b'[{"n":"voltage_v","u":"V","v":1}]')
