"""Many messages at once read as one at a time through the general path."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway import senml_in
from cobenefit_gateway.batch import Columns, of_singles
from cobenefit_gateway.senml_bulk import decode_alike
from cobenefit_wire.errors import WireError

NOW_MS = 1_700_000_000_000
START_S = 1_600_000_000
HEAD = '[{"bn":"urn:dev:a:","bt":1600000000,"bu":"W","n":"power_active_w","v":1.5}'


def seen(channel):
    t_ms = [round((t + channel.base) * channel.scale) for t in channel.t]
    return channel.name, channel.unit, t_ms, [*channel.value], channel.code


def in_general(payload):
    try:
        return [seen(channel) for channel in senml_in._general(payload, NOW_MS)]
    except WireError as err:
        return err.reason


def check(payloads):
    alike = decode_alike(dict(enumerate(payloads)))
    found = {}
    for i, first in alike.first.items():
        try:
            found[i] = alike.channel(i) or senml_in.only(first, NOW_MS)
        except WireError as err:
            assert in_general(payloads[i]) == err.reason
    for i, channel in found.items():
        assert [seen(channel)] == in_general(payloads[i])
    return found


NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.decimals(-(10**6), 10**6, places=3).map(float),
)
FIRST = {"n": st.just("power_active_w"), "v": NUMBERS}
BASES = {
    "bn": st.sampled_from(["urn:dev:a:", "x/"]),
    "bt": st.sampled_from([0, START_S, START_S + 0.25]),
    "bu": st.sampled_from(["W", "V"]),
    "bv": st.sampled_from([0, 0.1, 3]),
    "t": st.sampled_from([0, 5, START_S]),
    "u": st.sampled_from(["W", "V"]),
}
ORDERS = st.permutations(["n", "t", "v", "u"])
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


@st.composite
def messages(draw):
    first = draw(st.fixed_dictionaries(FIRST, optional=BASES))
    rows = draw(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8))
    times = sorted(t for t, _ in rows) if draw(st.booleans()) else [t for t, _ in rows]
    keys = draw(ORDERS)[: draw(st.integers(2, 4))]
    rest = []
    for t, (_, v) in zip(times, rows, strict=True):
        fields = {"n": "power_active_w", "t": t, "v": v, "u": "W"}
        rest.append({key: fields[key] for key in keys})
    return json.dumps([first, *rest], separators=draw(SEPARATORS)).encode()


@given(st.lists(messages(), min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_what_is_read_at_once_is_what_the_general_path_reads(payloads):
    check(payloads)


@given(
    st.lists(messages(), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(b'0123456789.-+eE,:"[]{} tvn')), max_size=3
    ),
)
@settings(deadline=None, max_examples=150)
def test_wounded_text_is_never_read_otherwise(payloads, wounds):
    text = bytearray(payloads[0])
    for at, byte in wounds:
        text[at % len(text)] = byte
    check([*payloads, bytes(text)])


def test_what_machines_write_is_read_at_once():
    rest = "".join(f',{{"n":"power_active_w","t":{10 * i},"v":{i}.25}}' for i in range(60))
    meter = '[{"bn":"energy_import_wh","bu":"Wh","bt":1600000000,"v":7}'
    meter += "".join(f',{{"t":{600 * i},"v":{123456789 + i}}}' for i in range(60)) + "]"
    absolute = '[{"n":"voltage_v","u":"V","t":1600000000,"v":-2.5}'
    absolute += "".join(
        f', {{"n": "voltage_v", "u": "V", "t": {START_S + i}.125, "v": {-i}}}' for i in range(60)
    )
    payloads = [x.encode() for x in (HEAD + rest + "]", meter, absolute + "]", HEAD + "]")]
    assert len(check(payloads * 40)) == 160


@pytest.mark.parametrize(
    "rest",
    [
        ',{"n":"power_active_w","t":1,"v":2,"v":9},{"n":"power_active_w","t":3}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_activeXw","t":3,"v":4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":03,"v":4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":4.}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":.4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":4e2}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":--4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":}',
        ',{"n":"power_active_w","t":1,"v":2},,{"n":"power_active_w","t":3,"v":4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":4}]',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":0,"v":4}',
        ',{"n":"power_active_w","t":1,"v":2},{"n":"power_active_w","t":3,"v":1234567890123456}',
        ',{"n":"x\\"t\\":5","t":1,"v":2}',
        ',{"t":9,"n":"power_active_w","t":1,"v":2}',
    ],
)
def test_what_only_looks_alike_is_left_to_the_general_path(rest):
    good = HEAD + ',{"n":"power_active_w","t":1,"v":2}]'
    found = check([good.encode(), (HEAD + rest + "]").encode(), good.encode()])
    assert set(found) == {0, 2}


def test_first_records_that_swallow_each_other_are_told_apart():
    payloads = [b'[{"n":"a}]', b'[{"n":"}]', b'[{"n":"power_active_w","v":1,"t":1600000000}]']
    assert set(check(payloads)) == {2}
    assert not decode_alike({}).first


TIMES = st.one_of(
    st.floats(-1e14, 1e14), st.integers(-(10**9), 10**10).map(float), st.just(2.0**28)
)
SMALL = st.one_of(st.just(0.0), st.floats(-1e14, 1e14))


@given(st.lists(st.tuples(TIMES, SMALL, NUMBERS, SMALL), min_size=1, max_size=20))
@settings(deadline=None)
def test_columns_of_single_readings_are_those_of_one_at_a_time(rows):
    said = [
        senml_in.First(n="power_active_w", t=float(t), bt=bt, v=float(v), bv=bv)
        for t, bt, v, bv in rows
    ]
    series, received_ms = [None] * len(said), [NOW_MS + 7 * i for i in range(len(said))]
    one_by_one = Columns()
    for now_ms, first in zip(received_ms, said, strict=True):
        one_by_one.add(None, now_ms, senml_in.only(first, now_ms))
    (wanted,) = one_by_one.pieces()
    for a, b in zip(of_singles(series, received_ms, said), wanted, strict=True):
        assert (a is None and b is None) or list(a) == list(b)
