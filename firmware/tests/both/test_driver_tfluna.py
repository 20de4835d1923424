"""The laser gate: frames, each vehicle once, damage, weak echoes, silence said once."""

import asyncio
import json

from cobenefit_node.drivers import tfluna
from cobenefit_node.drivers.framed import Frames
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality


def _frame(away_cm, amplitude=500):
    body = b"\x59\x59" + bytes(
        (away_cm & 0xFF, away_cm >> 8, amplitude & 0xFF, amplitude >> 8, 0x60, 0x09)
    )
    return body + bytes((sum(body) & 0xFF,))


def _frames():
    return Frames(tfluna.HEADER, tfluna.SIZE, tfluna.whole)


def _count(distances_cm, **options):
    passages = tfluna.Passages(600, **options)
    for away_cm in distances_cm:
        passages.frame(away_cm)
    return passages.count, passages.ignored


def _raw():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        return bytes.fromhex(json.load(f)["tfluna"][0]["hex"])


ROAD, CAR = [600] * 12, [420] * 20


def test_the_documented_layout():
    raw = _raw()
    assert raw == _frame(123)
    assert [tfluna.distance_cm(frame) for frame in _frames().feed(raw)] == [123]


def test_no_single_bit_error_gives_a_frame_and_no_cut_spoils_the_next():
    raw = _raw()
    for bit in range(8 * len(raw)):
        broken = bytearray(raw)
        broken[bit // 8] ^= 1 << bit % 8
        assert _frames().feed(bytes(broken)) == [], bit
    for n in range(len(raw)):
        assert _frames().feed(raw[:n] + raw) == [raw], n


def test_a_weak_or_dazzled_echo_is_no_distance():
    for amplitude, wanted in ((99, -1), (100, 300), (65534, 300), (65535, -1)):
        assert tfluna.distance_cm(_frame(300, amplitude)) == wanted


def test_each_vehicle_counts_once():
    assert _count(ROAD + CAR + ROAD) == (1, 0)
    assert _count((ROAD + CAR) * 40 + ROAD) == (40, 0)
    assert _count(ROAD + CAR * 500) == (0, 0)  # parked in the beam: not passed yet
    assert _count(CAR) == (0, 0)


def test_a_windscreen_and_a_trailer_do_not_split_a_vehicle():
    assert _count(ROAD + CAR + [600] * 9 + CAR + ROAD) == (1, 0)
    assert _count(ROAD + CAR + [-1] * 30 + CAR + ROAD) == (1, 0)  # black paint: no echo
    assert _count(ROAD + CAR + [600] * 10 + CAR + ROAD) == (2, 0)


def test_what_is_too_short_or_too_low_is_no_vehicle():
    assert _count(ROAD + [420] * 4 + ROAD) == (0, 1)
    assert _count(ROAD + [551] * 50 + ROAD) == (0, 0)
    assert _count(ROAD + [549] * 50 + ROAD) == (1, 0)


class Line:
    def __init__(self, *chunks):
        self.chunks = list(chunks)

    async def read(self, n):
        while not self.chunks:
            await pause(5)
        return self.chunks.pop(0)


def _reads(line, n, timeout_ms=40):
    async def run():
        driver = tfluna.TfLuna(line, tfluna.Passages(600), timeout_ms=timeout_ms)
        got = []
        for _ in range(n):
            got.append([(v.value, v.quality) for v in await driver.read()])
        return got

    return asyncio.run(run())


def _line(distances_cm):
    return b"".join(_frame(away_cm) for away_cm in distances_cm)


def test_the_count_comes_at_first_and_with_each_passage():
    one = _line(ROAD + CAR + ROAD)
    assert _reads(Line(one[:9], one, one), 4) == [[(0, 0)], [(1, 0)], [(2, 0)], [(0, 2)]]


def test_an_empty_road_says_its_count_once_a_minute():
    minute = _line([600] * 100)
    line = Line(*([minute] * 70))
    assert _reads(line, 2, 2000) == [[(0, 0)], [(0, 0)]]
    assert len(line.chunks) == 70 - 1 - tfluna.REPORT_FRAMES // 100 - 1


def test_silence_and_noise_are_said_once_and_a_frame_ends_them():
    good = _line([600])
    assert _reads(Line(), 3) == [[(0, quality.TIMEOUT)], [], []]
    assert _reads(Line(b"YYnoise, nothing but noise"), 1) == [[(0, quality.CHECKSUM)]]
    assert _reads(Line(good), 3) == [[(0, 0)], [(0, quality.TIMEOUT)], []]


def test_wrong_options_are_refused_with_their_range():
    for args, text in (
        ((0,), "20 to 800"),
        ((600, 600), "drop_cm"),
        ((600, 50, 0), "least_frames"),
    ):
        try:
            tfluna.Passages(*args)
        except ValueError as err:
            assert text in str(err)
        else:
            raise AssertionError("accepted: " + repr(args))
