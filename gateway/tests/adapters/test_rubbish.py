"""Whatever arrives on a foreign topic: readings, or one refusal with a reason."""

import json
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.adapters import Adapters, channel_of, device_id
from cobenefit_gateway.config import load
from cobenefit_gateway.config_operate import FieldRule
from cobenefit_gateway.journal import Record
from cobenefit_gateway.state import State
from cobenefit_wire.errors import WireError

CONFIG = """
tenant = "t"
[[adapter]]
kind = "chirpstack"
site = "s"
[[adapter.field]]
name = "a"
channel = "voltage_v"
[[adapter]]
kind = "ttn"
site = "s"
[[adapter.field]]
name = "a.b"
channel = "voltage_v"
[[adapter]]
kind = "sparkplug"
site = "s"
[[adapter.field]]
name = "a"
channel = "voltage_v"
"""
TOPICS = (
    "application/x/device/y/event/up", "v3/app@ttn/devices/d/up", "spBv1.0/g/NBIRTH/e",
    "spBv1.0/g/DDATA/e/d", "spBv1.0/g/NDATA/e",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "time", "f_cnt"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ENVELOPE = st.dictionaries(
    st.sampled_from(
        ["deviceInfo", "object", "time", "fCnt", "data", "end_device_ids", "uplink_message"]
    ),
    JSON
    | st.fixed_dictionaries(
        {"devEui": JSON, "device_id": JSON, "decoded_payload": JSON, "received_at": JSON}
    ),
)
#: A metric whose timestamp does not fit 63 bits.
LATE = bytes.fromhex("12170a016118ffffffffffffffffff0169000000000000f03f")


@cache
def adapters():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "g.toml"
        file.write_text(CONFIG)
        return Adapters(load(file), State())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TOPICS),
    st.binary(max_size=200) | ENVELOPE.map(lambda body: json.dumps(body).encode()),
)
def test_readings_or_one_reason(topic, payload):
    found = adapters().of(topic)
    try:
        message = found.decode(Record(topic, payload, 1_700_000_000_000))
    except WireError as err:
        assert 1 <= len(err.reason) <= 32
    else:
        assert all(len(c.t) == len(c.value) > 0 for c in message.channels)


def test_a_time_beyond_all_bounds_is_in_the_future_not_a_fault():
    message = adapters().of(TOPICS[2]).decode(Record(TOPICS[2], LATE, 0))
    assert [(c.name, c.t) for c in message.channels] == [("voltage_v", [1 << 53])]


def test_a_huge_whole_number_is_not_finite():
    assert channel_of(FieldRule("a", "voltage_v"), [(0, 10**400)]).code == [4]


@pytest.mark.parametrize("name", ["", "é", "x" * 33, None, 7])
def test_no_device_id_can_be_made_of_it(name):
    with pytest.raises(WireError) as err:
        device_id(name)
    assert err.value.reason == "device"


def test_a_device_id_is_made_the_same_way_each_time():
    assert device_id("Line 1_Press.A") == "line-1-press-a"
