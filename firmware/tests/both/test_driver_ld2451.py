"""The radar driver: published frames, each vehicle once, damaged frames, silence."""

import asyncio
import json

from cobenefit_node.drivers import ld2451
from cobenefit_node.drivers.line import pause

EMPTY = bytes.fromhex("f4f3f2f10000f8f7f6f5")


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/ld2451.json") as f:
        return json.load(f)["frames"]


def _frame(*targets):
    body = bytes((len(targets), 1 if targets else 0))
    for distance_m, direction, speed_km_h in targets:
        body += bytes((0x80, distance_m, direction, speed_km_h, 40))
    return ld2451.HEADER + bytes((len(body), 0)) + body + ld2451.FOOTER


def _way(speed_km_h, start_m=90, end_m=6, direction=1):
    """Targets of one vehicle, ten a second: it moves speed/36 m from frame to frame."""
    step = 1 if end_m > start_m else -1
    n = abs(end_m - start_m) * 36 // speed_km_h
    return [(start_m + step * speed_km_h * i // 36, direction, speed_km_h) for i in range(n)]


def _speeds(frames):
    tracker = ld2451.Tracker()
    ended = []
    for targets in frames:
        ended += tracker.frame(targets)
    return ended + tracker.silence()


def test_published_frames():
    for v in _vectors():
        raw = bytes.fromhex(v["hex"])
        for size in (1, 5, 99):
            parser = ld2451.Parser()
            frames = []
            for i in range(0, len(raw), size):
                frames += parser.feed(raw[i : i + size])
            assert frames == [[tuple(t) for t in v["targets"]]], v["name"]


def test_frames_are_found_in_noise_and_after_cuts():
    raw = bytes.fromhex(_vectors()[0]["hex"])
    for n in range(len(raw)):
        parser = ld2451.Parser()
        frames = parser.feed(b"\xf4\xf3junk" + raw[:n] + raw + raw)
        assert len(frames) >= 2 and frames[-1] == frames[-2], n
    parser = ld2451.Parser()
    assert parser.feed(bytes(range(256)) * 20) == []
    assert len(parser._buffer) < ld2451.MOST_BYTES
    assert parser.dropped > 5000


def test_each_vehicle_counts_once_at_its_speed():
    for speed_km_h in (10, 20, 30, 50, 70, 90, 130, 200):
        frames = [[t] for t in _way(speed_km_h)] + [[]] * 10
        assert _speeds(frames) == [speed_km_h], speed_km_h
        away = [[t] for t in _way(speed_km_h, 6, 90, 0)] + [[]] * 10
        assert _speeds(away) == [speed_km_h], speed_km_h


def test_a_queue_of_vehicles_without_a_gap_in_the_frames():
    frames = []
    for speed_km_h in (50, 40, 60, 30, 45):
        frames += [[t] for t in _way(speed_km_h)]
    assert _speeds(frames) == [50, 40, 60, 30, 45]


def test_vehicles_side_by_side_and_in_opposite_ways():
    one, two, three = _way(50), _way(50, 112, 28), _way(40, 6, 80, 0)
    frames = []
    for i in range(max(len(one), len(two), len(three))):
        frames.append([way[i] for way in (one, two, three) if i < len(way)])
    frames += [[]] * 10
    assert sorted(_speeds(frames)) == [40, 50, 50]


def test_a_vehicle_hidden_for_half_a_second_is_the_same_vehicle():
    way = _way(50)
    frames = [[t] for t in way]
    for i in range(20, 25):
        frames[i] = []
    assert _speeds(frames + [[]] * 10) == [50]


def test_a_target_in_two_frames_is_noise():
    tracker = ld2451.Tracker()
    for targets in [[(40, 1, 50)], [(39, 1, 50)]] + [[]] * 20:
        assert tracker.frame(targets) == []
    assert tracker.ignored == 1


def test_direction_is_told_by_the_way_not_by_the_byte():
    for byte in (0, 1):
        frames = [[t] for t in _way(50, direction=byte)] + [[]] * 10
        for wanted, count in (("approach", 1), ("away", 0), ("both", 1)):
            tracker = ld2451.Tracker(wanted)
            assert sum(len(tracker.frame(f)) for f in frames) == count, (byte, wanted)


def test_every_single_bit_error_leaves_one_vehicle_at_its_speed():
    """No checksum: three frames on an even path and the median stand in for it."""
    frames = [_frame(t) for t in _way(50, 40)]
    for number in (0, 3, len(frames) // 2, len(frames) - 1):
        for bit in range(len(frames[number]) * 8):
            broken = bytearray(frames[number])
            broken[bit // 8] ^= 1 << (bit % 8)
            parser = ld2451.Parser()
            line = frames[:number] + [bytes(broken)] + frames[number + 1 :] + [EMPTY] * 12
            assert _speeds(parser.feed(b"".join(line))) == [50], (number, bit)


def test_more_targets_than_tracks_are_counted_as_ignored():
    tracker = ld2451.Tracker()
    tracker.frame([(d, d & 1, 50) for d in range(0, 250, 10)])
    assert tracker.ignored == 25 - ld2451.MOST_TARGETS


class Line:
    def __init__(self, *chunks):
        self.chunks = list(chunks)

    async def read(self, n):
        while not self.chunks:
            await pause(5)
        return self.chunks.pop(0)


def _reads(line, n):
    async def run():
        driver = ld2451.Ld2451(line, timeout_ms=40)
        got = []
        for _ in range(n):
            got.append([v.value for v in await driver.read()])
        return got

    return asyncio.run(run())


def test_read_returns_passages_as_they_end_and_nothing_when_nothing_passed():
    one = b"".join(_frame(t) for t in _way(50)) + EMPTY * 3
    two = b"".join(_frame(t) for t in _way(30))
    assert _reads(Line(one + one, two), 5) == [[50], [50], [], [30], []]
    assert _reads(Line(), 1) == [[]]


def test_a_speed_beyond_belief_is_flagged():
    line = Line(b"".join(_frame(t) for t in _way(253)) + EMPTY * 8)

    async def run():
        return await ld2451.Ld2451(line, timeout_ms=40).read()

    assert asyncio.run(run()) == [("vehicle_speed_km_h", 253, 0, 3)]
    try:
        ld2451.Tracker("north")
    except ValueError as err:
        assert "approach" in str(err)
    else:
        raise AssertionError("accepted")
