import json

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway import senml_in
from cobenefit_gateway.senml_in import is_absolute
from cobenefit_wire import quality
from cobenefit_wire.errors import WireError

NOW = 1_700_000_000_000


def decode_senml(payload, now_ms):
    channels = senml_in.decode_senml(payload, now_ms)
    return {channel.name: channel for channel in channels}


def times_ms(channel):
    return [round((t + channel.base) * channel.scale) for t in channel.t]


RECORDS = [
    {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": 1_600_000_000, "bu": "W",
     "n": "power_active_w", "v": 120.5},
    {"n": "power_active_w", "t": 60, "v": 121},
    {"n": "voltage_v", "u": "V", "t": 30, "v": 230.1},
]  # fmt: skip


@pytest.mark.parametrize("encode", [lambda x: json.dumps(x).encode(), cbor2.dumps])
def test_both_encodings(encode):
    runs = decode_senml(encode(RECORDS), NOW)
    assert [*runs["power_active_w"].value] == [120.5, 121.0]
    assert times_ms(runs["power_active_w"]) == [1_600_000_000_000, 1_600_000_060_000]
    assert (runs["voltage_v"].unit, times_ms(runs["voltage_v"])) == ("V", [1_600_000_030_000])


def test_cbor_integer_labels_and_records_out_of_order():
    records = [{-2: "x/", -3: 1_600_000_000, 0: "voltage_v", 1: "V", 6: 9, 2: 1},
               {0: "voltage_v", 1: "V", 6: 3, 2: 2}]  # fmt: skip
    run = decode_senml(cbor2.dumps(records), NOW)["voltage_v"]
    assert [*run.value] == [2, 1]
    assert np.all(np.diff(times_ms(run)) > 0)


@pytest.mark.parametrize("bad", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_value_that_is_not_finite_costs_only_itself(bad):
    text = json.dumps(RECORDS).encode().replace(b"121,", bad + b",").replace(b"121}", bad + b"}")
    run = decode_senml(text, NOW)["power_active_w"]
    assert run.code == [quality.GOOD, quality.NOT_FINITE]


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


NAMES = st.sampled_from(["voltage_v", "power_active_w", "urn:dev:a:voltage_v", "", "a/B"])
NUMBERS = st.one_of(
    st.integers(-5, 1 << 40),
    st.floats(-1e16, 1e16, allow_nan=False),
    st.sampled_from([1_600_000_000, 1_600_000_000.5, (1 << 28) - 0.5, 1e14, True, None]),
)
FIELDS = {"v": NUMBERS, "t": NUMBERS, "u": st.sampled_from(["V", "W", ""]), "n": NAMES}
BASES = {"bn": NAMES, "bt": NUMBERS, "bv": NUMBERS, "bu": st.sampled_from(["V", ""])}


@given(
    first=st.fixed_dictionaries({}, optional={**FIELDS, **BASES, "x_": NUMBERS}),
    rest=st.lists(st.fixed_dictionaries({}, optional={**FIELDS, "bt": NUMBERS}), max_size=5),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", ":")]),
)
@settings(deadline=None, max_examples=400)
def test_the_fast_path_says_what_the_general_one_says(first, rest, separators):
    payload = json.dumps([first, *rest], separators=separators).encode()
    assert outcome(senml_in.decode_senml, payload) == outcome(senml_in._general, payload)


def outcome(decode, payload):
    try:
        channels = decode(payload, NOW)
    except WireError as err:
        return err.reason
    return sorted((c.name, c.unit, times_ms(c), [*c.value], c.code) for c in channels)


def test_the_fast_path_is_taken_for_what_devices_send():
    plain = [{"bn": "x/", "bt": 1_600_000_000, "n": "voltage_v", "u": "V", "v": 230.5}]
    plain += [{"n": "voltage_v", "u": "V", "t": i, "v": 230} for i in range(1, 60)]
    for payload in (json.dumps(plain), json.dumps(plain[:1], separators=(",", ":"))):
        assert senml_in._plain(payload.encode(), NOW) is not None
