"""Wi-Fi: what its configuration may say, what it never shows, and a port that has none."""

import asyncio

from cobenefit_node import bridge_config, config
from cobenefit_node.ticks import jittered
from cobenefit_node.wifi import Wifi

NODE = {
    "site": "barn",
    "device": "meter",
    "broker": {"host": "127.0.0.1"},
    "sensors": [{"driver": "tic", "uart": 1, "period_ms": 600_000}],
}
BRIDGE = {
    "site": "barn",
    "device": "bridge",
    "broker": {"host": "127.0.0.1"},
    "nodes": [{"device": "meter", "mac": "020000000001", "key": "5c" * 32}],
}
SECRET = "correct horse"


def _parse(wifi):
    return config.parse(dict(NODE, wifi=wifi)).wifi


def _error(raw, parse=config.parse):
    try:
        parse(raw)
    except config.ConfigError as err:
        return err
    raise AssertionError("accepted: " + repr(raw))


def test_a_node_and_a_bridge_take_the_same_keys():
    wifi = {"ssid": "barn", "password": SECRET, "country": "FR"}
    node = _parse(wifi)
    assert tuple(node) == ("barn", SECRET, "FR", None, 600_000, 21_600_000)
    assert bridge_config.parse(dict(BRIDGE, wifi=wifi)).wifi == node
    assert config.parse(NODE).wifi is None
    assert _parse({"ssid": "open"}).password == ""
    assert _parse({"ssid": "barn", "password": "0aF9" * 16}).password == "0aF9" * 16
    four = ["10.0.0.2", "255.255.255.0", "10.0.0.1", "9.9.9.9"]
    assert _parse({"ssid": "barn", "address": four}).address == tuple(four)


def test_no_error_shows_a_password():
    for wifi in (
        SECRET,
        ["barn", SECRET],
        {"ssid": "barn", "password": [SECRET]},
        {"ssid": "barn", "password": "short"},
        {"ssid": "barn", "passphrase": SECRET},
    ):
        said = str(_error(dict(NODE, wifi=wifi)))
        assert said.startswith("config.json: wifi"), said
        assert SECRET not in said, said
        assert "short" not in said, said


def test_wi_fi_and_a_bridge_exclude_each_other():
    bridge = {"peer": "020000000002", "channel": 6, "key": "5c" * 32}
    raw = dict(NODE, bridge=bridge, wifi={"ssid": "barn"})
    del raw["broker"]
    assert _error(raw).key == "wifi"


def test_a_port_without_network_leaves_it_to_the_system():
    said = []
    wifi = Wifi(_parse({"ssid": "barn"}), "meter", ledger=None, log=said.append)
    assert asyncio.run(wifi.join()) is False
    wifi.check()
    wifi.leave()
    assert (wifi.joins, wifi.restart, wifi.rssi_dbm(), said) == (0, False, None, [])


def test_a_jittered_wait_is_within_a_quarter():
    waits = [jittered(4000) for _ in range(200)]
    assert min(waits) >= 3000
    assert max(waits) <= 5000
    assert len(set(waits)) > 20
