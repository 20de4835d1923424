"""The golden vectors, read by this test on CPython and on MicroPython, and by the gateway's."""

import json

from cobenefit_wire import cbor, messages, pack, quality, senml, topics, units
from cobenefit_wire.errors import WireError


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/wire.json") as f:
        return json.load(f)


def _pack(fields):
    return pack.Pack(
        fields["boot"], fields["seq"], fields["flags"], fields["t_ms"], fields["unit"],
        fields["exponent"], fields["period_ms"], tuple(fields["deltas_ms"]),
        tuple(fields["values"]), bytes(fields["quality"]),
    )  # fmt: skip


def _refused(call, *args):
    try:
        call(*args)
    except WireError as err:
        return err.reason
    raise AssertionError("accepted: " + repr(args))


def test_packs_encode_to_the_golden_bytes_and_back():
    vectors = _vectors()["packs"]
    assert len(vectors) == 7
    for vector in vectors:
        raw = bytes.fromhex(vector["hex"])
        expected = _pack(vector["fields"])
        assert pack.encode(expected) == raw, vector["name"]
        assert pack.decode(raw) == expected, vector["name"]


def test_broken_packs_are_refused_with_their_reason():
    for vector in _vectors()["broken"]:
        reason = _refused(pack.decode, bytes.fromhex(vector["hex"]))
        assert reason == vector["reason"], vector["name"] + ": " + reason


def test_every_single_bit_flip_is_refused():
    raw = bytearray(bytes.fromhex(_vectors()["packs"][2]["hex"]))
    for i in range(len(raw) * 8):
        raw[i // 8] ^= 1 << (i % 8)
        assert _refused(pack.decode, bytes(raw))
        raw[i // 8] ^= 1 << (i % 8)


def test_every_truncation_is_refused():
    raw = bytes.fromhex(_vectors()["packs"][0]["hex"])
    for n in range(len(raw)):
        assert _refused(pack.decode, raw[:n])


def test_messages_encode_to_the_golden_bytes_and_back():
    decoders = {
        "ack": (messages.Ack, messages.decode_ack),
        "state": (messages.State, messages.decode_state),
        "health": (messages.Health, messages.decode_health),
    }
    for vector in _vectors()["messages"]:
        kind, decode = decoders[vector["kind"]]
        message = kind(*vector["fields"])
        assert messages.encode(message) == bytes.fromhex(vector["hex"]), vector["name"]
        assert decode(bytes.fromhex(vector["hex"])) == message, vector["name"]


def test_an_older_nodes_messages_read_as_zeros_at_the_end():
    decoders = {"state": messages.decode_state, "health": messages.decode_health}
    for vector in _vectors()["older"]:
        read = decoders[vector["kind"]](bytes.fromhex(vector["hex"]))
        assert [list(x) if isinstance(x, tuple) else x for x in read] == vector["fields"]
        # Only what is new may be missing.
        short = cbor.Pairs([(k, x) for k, x in enumerate(read[:4], 1)])
        assert _refused(decoders[vector["kind"]], cbor.dumps(short)) == "message"


def test_causes_that_are_no_counts_are_refused():
    fields = _vectors()["messages"][-1]["fields"]
    for causes in ([-1], ["x"], [0] * 17):
        bent = list(fields)
        bent[17] = causes
        assert _refused(messages.decode_health, messages.encode(bent))


def test_a_message_with_a_missing_field_is_refused():
    assert _refused(messages.decode_ack, cbor.dumps(cbor.Pairs([(1, 7)]))) == "message"
    assert _refused(messages.decode_ack, b"\x07") == "message"


def test_times_follow_period_or_deltas():
    by_period = _pack(_vectors()["packs"][0]["fields"])
    assert pack.times_ms(by_period)[2] == 1700000000000 + 2 * 600000
    by_deltas = _pack(_vectors()["packs"][1]["fields"])
    assert pack.times_ms(by_deltas) == [1700000000000, 1700000000812, 1700000003823]


def test_a_pack_stamped_since_the_start_can_be_dated():
    made = pack.Pack(1, 2, pack.FLAG_TIME_UNKNOWN, 5000, "Wh", 0, 1000, (), (7, -8), b"\x00\x03")
    data = pack.encode(made)
    dated = pack.decode(pack.dated(data, 1_700_000_000_000))
    assert dated == pack.decode(pack.encode(pack.Pack(1, 2, 0, 1_700_000_005_000, *made[4:])))
    assert pack.decode(data).flags == pack.FLAG_TIME_UNKNOWN


def test_cbor_round_trip_and_refusals():
    item = [0, 23, 24, 255, 256, 65536, 1 << 40, -1, -25, b"ab", "é", True, False, None]
    assert cbor.loads(cbor.dumps(item)) == item
    assert cbor.loads(cbor.dumps(cbor.Pairs([(1, [2]), ("a", None)]))) == {1: [2], "a": None}
    for bad in (b"", b"\x18", b"\x62a", b"\xc0\x00", b"\x9f\x00\xff", b"\x81" * 20, b"\x00\x00"):
        assert _refused(cbor.loads, bad) == "cbor"


def test_topics_build_parse_and_refuse():
    text = topics.build("lille-01", "meter-7", "up", "energy_import_wh")
    assert topics.parse(text) == ("lille-01", "meter-7", "up", "energy_import_wh")
    text = topics.build("a", "b", "cmd/result", "config")
    assert topics.parse(text) == ("a", "b", "cmd/result", "config")
    for bad in (
        "cb/v2/a/b/up/x",
        "cb/v1/a/b/up",
        "cb/v1/A/b/ack",
        "cb/v1/a/b/nope",
        "x",
        "cb/v1/a/b/up/X",
        "cb/v1/a/b/cmd/result",
        "cb/v1/a/b/cmd/x",
    ):
        assert _refused(topics.parse, bad) == "topic"


def test_quantities_have_known_kinds_and_channels_resolve():
    for name, quantity in units.QUANTITIES.items():
        assert topics.is_channel(name)
        assert quantity.kind in (units.COUNTER, units.GAUGE, units.EVENT)
        assert quantity.low < quantity.high
    assert units.quantity_of("soil_ph_2") == "soil_ph"
    assert units.quantity_of("soil_nope") == ""


def test_quality_codes_have_one_name_each():
    assert len(set(quality.NAMES.values())) == len(quality.NAMES)


def test_senml_follows_the_rfc_example():
    # RFC 8428 section 5.1.2, shortened: base name, base time, relative times.
    array = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1276020076, "bu": "A", "n": "voltage",
         "u": "V", "v": 120},
        {"n": "current", "t": -5, "v": 2},
    ]  # fmt: skip
    first, second = senml.resolve(array, 0)
    assert first == ("urn:dev:ow:10e2073a0108006:voltage", "V", 1276020076000, 120)
    assert second == ("urn:dev:ow:10e2073a0108006:current", "A", 1276020071000, 2)


def test_senml_integer_labels_relative_time_and_refusals():
    assert senml.resolve([{-2: "x", -1: 10, 2: 1, 6: -2}], 10_000)[0].t_ms == 8000
    assert _refused(senml.resolve, [{"n": "x", "v": float("nan")}], 0) == "not_finite"
    assert _refused(senml.resolve, [{"n": "x", "vs": "text"}], 0) == "senml_value"
    assert _refused(senml.resolve, [{"n": "x", "v": 1, "zz_": 2}], 0) == "senml_label"
    assert senml.resolve([{"n": "x", "v": 1, "zz": 2, 99: 3}], 0)[0].value == 1
    assert _refused(senml.resolve, [{"v": 1}], 0) == "senml"
    assert _refused(senml.resolve, {"n": "x"}, 0) == "senml"
