"""Uplinks as the network servers' documentation shows them."""

import copy
import json

import pytest

from cobenefit_gateway.journal import Record

NOW_MS = 1_700_000_000_000
#: ChirpStack documentation, "Event types", uplink event, JSON example (abridged: radio metadata).
CHIRPSTACK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2022-07-18T09:34:15.775023242+00:00",
    "deviceInfo": {
        "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
        "deviceName": "Test device",
        "devEui": "0101010101010101",
        "tags": {"key": "value"},
    },
    "devAddr": "00189440",
    "dr": 1,
    "fPort": 1,
    "data": "qg==",
    "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "rssi": -36}],
}
CHIRPSTACK_MS = 1_658_136_855_775
#: The Things Stack documentation, "Data formats", uplink message (abridged: radio metadata).
TTN = {
    "end_device_ids": {
        "device_id": "dev1",
        "application_ids": {"application_id": "app1"},
        "dev_eui": "0004A30B001C0530",
        "join_eui": "800000000000000C",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"],
    "received_at": "2020-02-12T15:15:45.787276Z",
    "uplink_message": {
        "session_key_id": "AXA50tHUXbq0LlgfhRzbtA==",
        "f_cnt": 1,
        "f_port": 1,
        "frm_payload": "gkHe",
        "decoded_payload": {"temperature": 1.0, "air": {"humidity": 50}},
        "settings": {"time": "1999-01-01T00:00:00Z"},
        "received_at": "2020-02-12T15:15:45.777Z",
    },
}
TTN_MS = 1_581_520_545_777
FIELDS = """
[[adapter.field]]
name = "temperature"
channel = "air_temperature_degc"
[[adapter.field]]
name = "air.humidity"
channel = "relative_humidity_ratio"
factor = 0.01
"""


def config(kind):
    return f'[[adapter]]\nkind = "{kind}"\nsite = "field"\n{FIELDS}'


def chirpstack(**changes):
    body = copy.deepcopy(CHIRPSTACK) | {"object": {"temperature": 21.5, "other": "x"}} | changes
    topic = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up"
    return Record(topic, json.dumps(body).encode(), NOW_MS)


def ttn(change=lambda body: None):
    body = copy.deepcopy(TTN)
    change(body)
    return Record("v3/app1@ttn/devices/dev1/up", json.dumps(body).encode(), NOW_MS)


def rows(gateway):
    gateway.checkpoint(flush=True)
    return {key[0]: (row["count"], row["last"], row["last_t_ms"]) for key, row in
            gateway.rows().items()}  # fmt: skip


def test_chirpstack_with_a_codec(pipeline):
    gateway = pipeline(config("chirpstack"))
    gateway.take(chirpstack())
    assert rows(gateway) == {"air_temperature_degc": (1, 21.5, CHIRPSTACK_MS)}
    assert ("field", "0101010101010101", "air_temperature_degc") in gateway.state.series


def test_the_things_stack_nested_scaled_and_by_the_network_servers_clock(pipeline):
    gateway = pipeline(config("ttn"))
    gateway.take(ttn())
    assert rows(gateway) == {
        "air_temperature_degc": (1, 1.0, TTN_MS),
        "relative_humidity_ratio": (1, 0.5, TTN_MS),
    }


def test_a_retransmitted_frame_is_a_copy_and_a_new_frame_is_not(pipeline):
    gateway = pipeline(config("chirpstack"))
    again = chirpstack(deduplicationId="another", time="2022-07-18T09:34:17+00:00")
    gateway.take(chirpstack(), chirpstack(), again)
    assert gateway.state.totals["duplicates"] == 2
    gateway.take(chirpstack(fCnt=1, time="2022-07-18T09:44:15+00:00"))
    assert rows(gateway)["air_temperature_degc"][0] == 2


def test_without_a_time_it_is_when_it_came(pipeline):
    gateway = pipeline(config("chirpstack"))
    gateway.take(chirpstack(time=None))
    assert rows(gateway)["air_temperature_degc"] == (1, 21.5, NOW_MS)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chirpstack(object=None), "not_decoded"),  # as in the documentation: no codec
        (chirpstack(object={"humidity": 1}), "no_field"),
        (chirpstack(object={"temperature": "21"}), "field"),
        (chirpstack(deviceInfo={}), "device"),
        (chirpstack(deviceInfo=[]), "envelope"),
        (chirpstack(time="yesterday"), "time"),
        (Record("application/a/device/b/event/up", b"\x0a\x03abc", NOW_MS), "json"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_can_not_be_read_is_kept_with_its_reason(pipeline, record, reason):
    gateway = pipeline(config("chirpstack"))
    gateway.take(record, record)
    assert gateway.refused() == {("", "", reason): (0, 1)}
    assert [k.record for k in gateway.state.changes.kept] == [record]


def test_a_simulated_uplink_measures_nothing(pipeline):
    gateway = pipeline(config("ttn"))
    gateway.take(ttn(lambda body: body.update(simulated=True)))
    assert gateway.refused() == {("", "", "simulated"): (0, 1)}


def test_a_value_that_is_not_finite_is_flagged_and_costs_only_itself(pipeline):
    gateway = pipeline(config("chirpstack"))
    gateway.take(chirpstack(object={"temperature": float("nan"), "air": {"humidity": 40}}))
    assert gateway.refused() == {
        ("0101010101010101", "air_temperature_degc", "not_finite"): (1, 0)
    }
    assert rows(gateway)["relative_humidity_ratio"][:2] == (1, 0.4)


def test_without_an_adapter_it_is_a_topic_of_nobody(pipeline):
    gateway = pipeline()
    gateway.take(chirpstack())
    assert gateway.refused() == {("", "", "topic"): (0, 1)}
