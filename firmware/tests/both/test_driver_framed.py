"""Dust and distance sensors: published frames, bit errors, cuts, noise, silence, old frames."""

import asyncio
import json

from cobenefit_node.drivers import pms5003, sds011, ultrasonic
from cobenefit_node.drivers.framed import Frames
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality

SENSORS = {
    "pms5003": (pms5003, pms5003.values, pms5003.Pms5003, {}),
    "sds011": (sds011, sds011.values, sds011.Sds011, {}),
    "ultrasonic": (
        ultrasonic,
        lambda frame: (ultrasonic.distance_mm(frame),),
        ultrasonic.Ultrasonic,
        {"height_mm": 3000},
    ),
}


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        known = json.load(f)
    for name in sorted(SENSORS):
        module, values, _, _ = SENSORS[name]
        for vector in known[name]:
            yield module, values, bytes.fromhex(vector["hex"]), tuple(vector["values"])


def _frames(module):
    return Frames(module.HEADER, module.SIZE, module.whole)


def _noise(count):
    """The same on both interpreters; Numerical Recipes' generator."""
    state, data = 1, bytearray()
    for _ in range(count):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        data.append(state >> 24)
    return bytes(data)


class Line:
    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.written = b""

    async def read(self, n):
        while not self.chunks:
            await pause(5)
        return self.chunks.pop(0)

    def write(self, data):
        self.written += data
        if data == b"\x55":
            self.chunks.append(bytes.fromhex("ff07a1a7"))

    async def drain(self):
        await pause(0)


def _read(name, line, n=1, **options):
    async def run():
        _, _, kind, given = SENSORS[name]
        settings = dict(given)
        settings.update(options)
        driver = kind(line, timeout_ms=60, **settings)
        got = []
        for _ in range(n):
            got.append([tuple(value) for value in await driver.read()])
        return got

    return asyncio.run(run())


def test_published_frames_whole_and_byte_by_byte():
    for module, values, raw, wanted in _vectors():
        assert [values(frame) for frame in _frames(module).feed(raw)] == [wanted]
        frames, found = _frames(module), []
        for byte in raw:
            found += frames.feed(bytes((byte,)))
        assert found == [raw]


def test_no_single_bit_error_gives_a_frame():
    for module, _, raw, _ in _vectors():
        for bit in range(8 * len(raw)):
            broken = bytearray(raw)
            broken[bit // 8] ^= 1 << bit % 8
            assert _frames(module).feed(bytes(broken)) == [], (module.__name__, bit)


def test_two_bit_errors_that_a_sum_cannot_see_are_counted():
    """A bit up and the same bit of another byte down leaves a sum as it was: known, not new."""
    passed = {}
    for module, _, raw, _ in _vectors():
        if module is not ultrasonic:
            continue
        for one in range(32):
            for two in range(one):
                broken = bytearray(raw)
                broken[one // 8] ^= 1 << one % 8
                broken[two // 8] ^= 1 << two % 8
                count = len(_frames(module).feed(bytes(broken)))
                passed[module.__name__] = passed.get(module.__name__, 0) + count
    assert list(passed.values()) == [17]  # of 496


def test_a_frame_cut_anywhere_does_not_spoil_the_next():
    for module, _, raw, _ in _vectors():
        for n in range(len(raw)):
            assert _frames(module).feed(raw[:n] + raw) == [raw], (module.__name__, n)


def test_noise_stays_bounded_and_the_frames_it_forges_are_counted():
    """Only the ultrasonic frame is short enough: one in 20,000 bytes, of 14.7 m, out of range."""
    noise = _noise(20_000)
    for module, _, raw, _ in _vectors():
        frames = _frames(module)
        forged = [b"\xff9|\xb4"] if module is ultrasonic else []
        assert frames.feed(noise) == forged, module.__name__
        assert frames.dropped > 19_900
        assert len(frames._buffer) < module.SIZE
        assert (frames.feed(raw) + frames.feed(raw))[-1] == raw


def test_read_gives_values_at_the_exponent_of_their_quantity():
    raw = {module.__name__.rsplit(".", 1)[-1]: raw for module, _, raw, _ in _vectors()}
    assert _read("sds011", Line(bytes.fromhex("aac0d4043a0aa1601dab")), fresh=False) == [
        [("pm2_5_kg_m3", 1236, -10, 0), ("pm10_kg_m3", 2618, -10, 0)]
    ]
    assert _read("pms5003", Line(raw["pms5003"]), fresh=False, number=2) == [
        [("pm2_5_kg_m3_2", 80, -10, 0), ("pm10_kg_m3_2", 80, -10, 0)]
    ]
    assert _read("ultrasonic", Line(raw["ultrasonic"]), fresh=False) == [
        [("water_level_m", 3000 - 1953, -3, 0)]
    ]


def test_silence_and_noise_are_told_apart():
    for name in SENSORS:
        codes = [value[3] for value in _read(name, Line())[0]]
        assert set(codes) == {quality.TIMEOUT}, name
        codes = [value[3] for value in _read(name, Line(b"\xffjunk"), fresh=False)[0]]
        assert set(codes) == {quality.CHECKSUM}, name


def test_a_line_that_fails_is_silence():
    class Gone:
        async def read(self, n):
            raise OSError(5)

        def write(self, data):
            raise OSError(5)

    for model in ("a02yyuw", "jsn_sr04t"):
        assert _read("ultrasonic", Gone(), model=model)[0][0][3] == quality.TIMEOUT


def test_frames_the_port_kept_are_not_read_as_new():
    old, new = bytes.fromhex("aac0d4043a0aa1601dab"), bytes.fromhex("aac08c009400bcf9d5ab")

    class Slow(Line):
        async def read(self, n):
            if len(self.chunks) == 1:
                await pause(30)
            return await Line.read(self, n)

    assert _read("sds011", Slow(old * 3, new), fresh=True)[0][0][1] == 140


def test_a_sensor_that_waits_is_asked():
    line = Line()
    assert (
        _read("ultrasonic", line, 2, model="jsn_sr04t") == [[("water_level_m", 1047, -3, 0)]] * 2
    )
    assert line.written == b"\x55\x55"


def test_what_a_sensor_cannot_see_is_out_of_range_and_kept():
    for away_mm, model, code in (
        (29, "a02yyuw", quality.RANGE),
        (30, "a02yyuw", quality.GOOD),
        (249, "jsn_sr04t", quality.RANGE),
        (4501, "a02yyuw", quality.RANGE),
        (0, "a02yyuw", quality.RANGE),
    ):
        frame = bytes(
            (0xFF, away_mm >> 8, away_mm & 0xFF, (0xFF + (away_mm >> 8) + away_mm) & 0xFF)
        )
        line = Line(frame)
        line.write = lambda data: None
        read = _read("ultrasonic", line, model=model, fresh=False)
        assert read == [[("water_level_m", 3000 - away_mm, -3, code)]], away_mm
    thick = bytes.fromhex("aac0ffff0000a160ffab")  # 6553.5 ug/m3
    assert _read("sds011", Line(thick), fresh=False)[0][0] == (
        "pm2_5_kg_m3", 65535, -10, quality.RANGE
    )  # fmt: skip


def test_wrong_options_are_refused():
    for options in ({"height_mm": 20_001}, {"height_mm": None}, {"model": "hc_sr04"}):
        try:
            _read("ultrasonic", Line(), **options)
        except ValueError as err:
            assert "height_mm" in str(err) or "a02yyuw" in str(err)
        else:
            raise AssertionError("accepted: " + repr(options))
