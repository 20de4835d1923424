"""Configuration: what is accepted, and what an error says."""

import os
import time

from cobenefit_node import config

GOOD = {
    "site": "lille-01",
    "device": "meter-7",
    "broker": {"host": "127.0.0.1"},
    "sensors": [{"driver": "tic", "uart": 1, "period_ms": 600_000}],
}


def _with(**changes):
    raw = dict(GOOD)
    raw.update(changes)
    return raw


def _error(raw):
    try:
        config.parse(raw, "config.json")
    except config.ConfigError as err:
        return err
    raise AssertionError("accepted: " + repr(raw))


def test_defaults_fill_what_is_left_out():
    parsed = config.parse(GOOD)
    assert (parsed.pack_readings, parsed.pack_age_ms) == (60, 3_600_000)
    assert parsed.broker.port == 1883
    assert parsed.broker.tls is None
    assert parsed.sensors[0].options == {}
    on_bus = config.parse(_with(sensors=[{"driver": "scd4x", "i2c": 1, "period_ms": 60_000}]))
    assert (on_bus.sensors[0].i2c, on_bus.sensors[0].uart) == (1, None)
    assert parsed.ring.segments * parsed.ring.segment_bytes == 262_144


def test_every_wrong_value_is_refused_with_its_key():
    sensor = GOOD["sensors"][0]
    cases = (
        ("site", _with(site="Lille")),
        ("device", _with(device="")),
        ("broker", _with(broker=None)),
        ("broker.host", _with(broker={})),
        ("broker.port", _with(broker={"host": "h", "port": 70_000})),
        ("broker.prot", _with(broker={"host": "h", "prot": 1})),
        ("wifi.ssid", _with(wifi={})),
        ("wifi.ssid", _with(wifi={"ssid": "é" * 17})),
        ("wifi.password", _with(wifi={"ssid": "barn", "password": "7 bytes"})),
        ("wifi.password", _with(wifi={"ssid": "barn", "password": "g" * 64})),
        ("wifi.country", _with(wifi={"ssid": "barn", "country": "fr"})),
        ("wifi.address", _with(wifi={"ssid": "barn", "address": ["10.0.0.2"] * 3})),
        ("wifi.address", _with(wifi={"ssid": "barn", "address": ["10.0.0.256"] * 4})),
        ("wifi.give_up_ms", _with(wifi={"ssid": "barn", "give_up_ms": 0})),
        ("sensors", _with(sensors=[])),
        ("sensors.0.period_ms", _with(sensors=[dict(sensor, period_ms=0)])),
        ("sensors.0.period_ms", _with(sensors=[dict(sensor, period_ms=True)])),
        ("sensors.0.period_ms", _with(sensors=[dict(sensor, period_ms=1.5)])),
        ("sensors.0.uart", _with(sensors=[dict(sensor, pin=3)])),
        ("sensors.0.uart", _with(sensors=[dict(sensor, i2c=0)])),
        ("sensors.0.i2c", _with(sensors=[dict(sensor, i2c=10)])),
        ("sensors.0.options", _with(sensors=[dict(sensor, options=[])])),
        ("sensors.1.driver", _with(sensors=[sensor, {"driver": "../x", "uart": 1}])),
        ("pack_readings", _with(pack_readings=1001)),
        ("ring.segments", _with(ring={"segments": 2})),
        ("power_mw.idle", _with(power_mw={"idle": -1})),
        ("ina219.scl", _with(ina219={"sda": 4})),
        ("ina219.shunt_mohm", _with(ina219={"scl": 5, "sda": 4, "shunt_mohm": 0})),
        ("sleep.give_up_ms", _with(sleep={"give_up_ms": 10})),
        ("sleep.every", _with(sleep={"every": 10})),
        ("sensors.0.driver", _with(sleep={}, sensors=[dict(sensor, driver="tfluna")])),
        ("battery.adc", _with(battery={})),
        ("battery.jump_mv", _with(battery={"adc": 34, "jump_mv": 1})),
        ("lifetime_claim_years", _with(lifetime_claim_years=0)),
        ("extra", _with(extra=1)),
        ("(file)", []),
    )
    for key, raw in cases:
        err = _error(raw)
        assert err.key == key, (key, str(err))
        assert "config.json: " + key in str(err)
        assert "allowed: " in str(err)


def test_tls_needs_a_server_name_and_certificate_with_key():
    tls = {"ca": "ca.der", "server_hostname": "broker.lan"}
    broker = {"host": "h", "tls": tls}
    assert config.parse(_with(broker=broker)).broker.tls.server_hostname == "broker.lan"
    for wrong in (None, ""):
        broken = dict(broker, tls=dict(tls, server_hostname=wrong))
        assert _error(_with(broker=broken)).key == "broker.tls.server_hostname"
    assert _error(_with(broker=dict(broker, tls={"ca": "x"}))).key == "broker.tls.server_hostname"
    half = dict(broker, tls=dict(tls, cert="c.der"))
    assert _error(_with(broker=half)).key == "broker.tls.cert"


def test_a_node_has_a_broker_or_a_bridge():
    bridge = {"peer": "02:00:00:00:00:b0", "channel": 6, "key": "5c" * 32}
    raw = _with(bridge=bridge)
    assert _error(raw).key == "broker"
    del raw["broker"]
    parsed = config.parse(raw)
    assert parsed.broker is None
    assert parsed.bridge == (b"\x02\0\0\0\0\xb0", 6, b"\x5c" * 32, True)
    for key, value in (("peer", "02"), ("peer", 7), ("channel", 0), ("encrypt", 1), ("key", "5c")):
        err = _error(dict(raw, bridge=dict(bridge, **{key: value})))
        assert err.key == "bridge." + key
    assert "5c" not in str(_error(dict(raw, bridge=dict(bridge, key="5c"))))
    assert _error(dict(raw, pack_readings=501)).key == "pack_readings"
    del raw["bridge"]
    assert _error(raw).key == "broker"


def test_a_node_that_sleeps_and_its_battery():
    parsed = config.parse(_with(sleep={}, battery={"adc": 34}, lifetime_claim_years=5))
    assert parsed.sleep == (0, 30_000, 0)
    assert parsed.battery == (34, 1000, 300, 0)
    assert config.parse(_with()).sleep is None


def test_drivers_that_are_blind_asleep_say_why():
    sensor = {"driver": "pulse", "counter": 1, "period_ms": 1000}
    for driver, why in (("pulse", "deep sleep"), ("ld2451", "passes"), ("tfluna", "passes")):
        err = _error(_with(sleep={}, sensors=[dict(sensor, driver=driver)]))
        assert why in str(err)
        assert config.parse(_with(sensors=[dict(sensor, driver=driver)]))


def test_a_secret_is_never_shown():
    err = _error(_with(broker={"host": "h", "password": 12345}))
    assert err.key == "broker.password"
    assert "12345" not in str(err)


def test_a_file_that_is_no_json_is_named():
    path = (os.getenv("TMPDIR") or "/tmp") + "/cb-config-%d.json" % time.time()
    with open(path, "w") as f:
        f.write('{"site": ')
    try:
        config.load(path)
    except config.ConfigError as err:
        assert path in str(err)
    else:
        raise AssertionError("accepted")
    finally:
        os.remove(path)
