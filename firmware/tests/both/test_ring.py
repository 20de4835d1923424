"""The ring: order, acks, losses, restarts, torn writes and bit rot."""

import os

from cobenefit_node.acked import Acked
from cobenefit_node.ring import Ring
from cobenefit_node.twin import Twin
from cobenefit_wire import pack

CHANNEL = "energy_import_wh"
BASE = (os.getenv("TMPDIR") or "/tmp") + "/cb-ring-test"


OPEN = []


def _directory(name):
    _close()
    path = BASE + "-" + name
    try:
        for entry in os.listdir(path):
            os.remove(path + "/" + entry)
    except OSError:
        os.mkdir(path)
    return path


def _ring(path, segments=4, segment_bytes=1024):
    ring = Ring(path, segments, segment_bytes)
    OPEN.append(ring)
    return ring


def _close():
    while OPEN:
        OPEN.pop().close()


def _append(ring, n=1, channel=CHANNEL):
    for _ in range(n):
        values = (ring.seq, ring.seq + 1)
        data = pack.encode(
            pack.Pack(ring.boot, ring.seq, 0, 1_750_000_000_000, "Wh", 0, 1000, (), values, b"")
        )
        position = ring.append(channel, 2, data)
    return position


def _pending(ring):
    """Walk the ring as the uplink does; return (boot, seq) of what is to be sent."""
    out, at = [], (0, 0)
    while True:
        found = ring.following(at)
        if found is None:
            return out
        record, position, at = found
        if not ring.covers(record.boot, record.seq):
            got = ring.read(position)
            if got is not None:
                read = pack.decode(got[1])
                assert (read.boot, read.seq) == (record.boot, record.seq)
                assert read.values == (read.seq, read.seq + 1)
                out.append((record.boot, record.seq))


def _segments(path):
    return sorted(n for n in os.listdir(path) if n.endswith(".seg"))


def _spoil(path, at, flip=0xFF):
    with open(path, "rb") as f:
        raw = bytearray(f.read())
    raw[at] ^= flip
    with open(path, "wb") as f:
        f.write(raw)


def _cut(path, size):
    with open(path, "rb") as f:
        raw = f.read()
    with open(path, "wb") as f:
        f.write(raw[:size])


def test_acked_covers_and_counts():
    acked = Acked(3, (5, 6, 9, 9))
    assert [s for s in range(11) if acked.covers(s)] == [0, 1, 2, 5, 6, 9]
    for low in range(11):
        for high in range(low, 11):
            expected = sum(acked.covers(s) for s in range(low, high + 1))
            assert acked.count(low, high) == expected, (low, high)


def test_the_twin_survives_a_cut_in_either_file():
    path = _directory("twin") + "/state"
    for newest, older in (("0", "1"), ("1", "0")):
        for size in (0, 5, 9):
            twin = Twin(path)
            twin.load()
            for item in range(20):
                twin.save([item])
                if str(twin._generation & 1) == newest:
                    last = item
            if str(twin._generation & 1) != newest:
                twin.save([20])
                last = 20
            _cut(path + "." + newest, size)
            cut = Twin(path)
            assert cut.load() == [last - 1]
            assert cut.damaged == 1
            cut.save([99])  # goes over the damaged one
            _cut(path + "." + older, size)
            assert Twin(path).load() == [99]


def test_packs_come_back_in_order_and_acks_remove_them():
    ring = _ring(_directory("order"))
    _append(ring, 5)
    assert _pending(ring) == [(1, s) for s in range(5)]
    assert ring.waiting() == 5
    ring.commit(1, 2, [3, 3])
    assert _pending(ring) == [(1, 2), (1, 4)]
    assert ring.waiting() == 2
    ring.commit(1, 1, [])  # an old ack takes nothing back below the floor
    assert ring.covers(1, 1)
    ring.commit(1, 5, [])
    assert ring.waiting() == 0
    assert ring.lost() == []


def test_a_restart_sends_what_earlier_boots_left():
    path = _directory("restart")
    ring = _ring(path)
    _append(ring, 3)
    ring.commit(1, 1, [])
    ring.save()
    ring = _ring(path)
    assert (ring.boot, ring.seq) == (2, 0)
    _append(ring, 2)
    assert _pending(ring) == [(1, 1), (1, 2), (2, 0), (2, 1)]
    ring.commit(1, 3, [])
    ring.commit(2, 2, [])
    assert ring.waiting() == 0


def test_many_restarts_do_not_use_up_the_segments():
    path = _directory("restarts")
    for boot in range(12):
        ring = _ring(path)
        assert ring.boot == boot + 1
        _append(ring)
    assert len(_pending(ring)) == 12
    assert ring.lost() == []


def test_a_full_ring_drops_the_oldest_and_counts_it_by_channel():
    path = _directory("full")
    ring = _ring(path)
    _append(ring, 1)
    ring.commit(1, 1, [])  # acked, so not lost when it goes
    n = 1
    while not ring.lost():
        _append(ring, 1, CHANNEL if n % 2 else "soil_ph")
        n += 1
    ((boot, below, counts),) = ring.lost()
    assert boot == 1
    pending = _pending(ring)
    assert pending == [(1, s) for s in range(below, n)]
    assert dict(counts) == {
        CHANNEL: 2 * sum(s % 2 for s in range(1, below)),
        "soil_ph": 2 * sum(1 - s % 2 for s in range(1, below)),
    }
    assert len(_segments(path)) == 4
    # Every reading is pending, acked or lost; and stays so across a restart.
    again = _ring(path)
    assert again.lost() == ring.lost()
    assert _pending(again) == pending
    assert ring.waiting() == again.waiting() == len(pending)


def test_a_cut_between_counting_a_loss_and_removing_the_file_counts_once():
    path = _directory("cut-drop")
    ring = _ring(path)
    _append(ring)
    while not ring.lost():
        with open(path + "/" + _segments(path)[0], "rb") as f:
            oldest, name = f.read(), _segments(path)[0]
        _append(ring)
    with open(path + "/" + name, "wb") as f:
        f.write(oldest)  # as if the removal had not happened
    again = _ring(path)
    assert again.lost() == ring.lost()
    assert _pending(again) == _pending(ring)
    assert name not in _segments(path)


def test_every_torn_write_leaves_all_earlier_packs_and_a_working_ring():
    path = _directory("torn")
    ring = _ring(path)
    _append(ring, 2)
    name = path + "/" + _segments(path)[0]
    whole = os.stat(name)[6]
    with open(name, "rb") as f:
        raw = f.read()
    for size in range(whole // 2, whole):
        with open(name, "wb") as f:
            f.write(raw[:size])
        ring = _ring(path)
        _append(ring)
        assert _pending(ring) == [(1, 0), (ring.boot, 0)], size
        ring.commit(ring.boot, 1, [])
        ring.close()
        for other in _segments(path)[1:]:
            os.remove(path + "/" + other)


def test_every_flipped_byte_costs_at_most_its_own_pack_and_is_declared():
    path = _directory("rot")
    ring = _ring(path)
    _append(ring, 4)
    name = path + "/" + _segments(path)[0]
    size = os.stat(name)[6]
    for at in range(0, size, 3):
        _spoil(name, at)
        rotten = _ring(path)
        _pending(rotten)
        pending = _pending(rotten)
        hit = at // (size // 4)
        assert pending == [(1, s) for s in range(4) if s != hit], at
        # The gateway acks what it got; then the hole is declared and nothing waits any more.
        rotten.commit(1, hit, [hit + 1, 3] if hit < 3 else [])
        if hit < 3:
            (lost,) = rotten.lost()
            assert lost[:2] == [1, hit + 1]
            assert rotten.damaged
        assert rotten.waiting() == 0
        rotten.close()
        for entry in os.listdir(path):
            if "state" in entry:
                os.remove(path + "/" + entry)
        if not _segments(path):
            _rebuild(path)
        else:
            _spoil(name, at)


def _rebuild(path):
    for entry in os.listdir(path):
        os.remove(path + "/" + entry)
    _append(_ring(path), 4)


def test_the_boot_counter_survives_the_loss_of_its_state():
    path = _directory("boot")
    for _ in range(3):
        ring = _ring(path)
        _append(ring)
    for slot in "01":
        os.remove(path + "/state." + slot)
    again = _ring(path)
    assert again.boot == 4
    assert len(_pending(again)) == 3


def test_a_file_system_that_refuses_uses_up_no_sequence():
    path = _directory("refuse")
    ring = _ring(path)
    _append(ring)

    class Full:
        def write(self, _):
            raise OSError(28)

        def close(self):
            """Nothing to close."""

    ring._writer.close()
    ring._writer = Full()
    try:
        _append(ring)
    except OSError:
        pass
    else:
        raise AssertionError("written")
    assert ring.seq == 1
    _append(ring)
    assert _pending(ring) == [(1, 0), (1, 1)]


def test_an_ack_takes_back_nothing_an_earlier_one_said():
    ring = _ring(_directory("joined"))
    _append(ring, 9)
    ring.commit(1, 1, [3, 3, 6, 7])
    ring.commit(1, 0, [4, 4])
    assert [s for s in range(9) if ring.covers(1, s)] == [0, 3, 4, 6, 7]
    ring.commit(1, 2, [2, 2])
    assert [s for s in range(9) if ring.covers(1, s)] == [0, 1, 2, 3, 4, 6, 7]
    assert ring.waiting() == 2


def test_acked_packs_are_not_lost_when_power_is_cut_and_the_ring_overflows():
    path = _directory("cut-acked")
    ring = _ring(path)
    _append(ring, 8)
    ring.commit(1, 1, [3, 5])
    again = _ring(path)  # as after a cut: nothing was closed or saved on purpose
    while not again.lost() or again.lost()[0][1] < 8:
        _append(again)
    assert again.lost()[0] == [1, 8, [[CHANNEL, 2 * 4]]]  # 1, 2, 6 and 7


def test_more_ranges_than_are_kept_count_as_waiting_never_as_acked():
    ring = _ring(_directory("many-ranges"), 8, 16_384)
    _append(ring, 200)
    ring.commit(1, 0, [s for odd in range(1, 200, 2) for s in (odd, odd)])
    assert ring.forgot
    assert [s for s in range(200) if ring.covers(1, s)] == list(range(1, 128, 2))
    assert ring.waiting() == 200 - 64
    ring.commit(1, 200, [])
    assert ring.waiting() == 0
    assert ring.lost() == []


def test_a_damaged_last_record_of_a_boot_is_counted_and_declared():
    path = _directory("tail")
    ring = _ring(path)
    _append(ring, 3)
    name = path + "/" + _segments(path)[0]
    ring.close()
    _spoil(name, os.stat(name)[6] - os.stat(name)[6] // 3 + 4)  # in the head of the last
    again = _ring(path)
    assert again.damaged == 1
    assert _pending(again) == [(1, 0), (1, 1)]
    again.commit(1, 2, [])
    assert again.lost() == [[1, 3, []]]
    assert again.waiting() == 0


def test_a_write_torn_by_a_full_disk_hides_no_record_of_the_same_boot():
    path = _directory("torn-same-boot")
    ring = _ring(path)
    _append(ring, 2)
    ring.close()
    with open(path + "/" + _segments(path)[0], "ab") as f:
        f.write(b"half a record")
    _append(ring, 2)  # the sequence was not used up: it goes on in a new file
    again = _ring(path)
    assert _pending(again) == [(1, s) for s in range(4)]


def test_a_damaged_state_never_reuses_a_boot_number():
    path = _directory("boot-flip")
    for _ in range(2):
        ring = _ring(path)
    boot = ring.boot
    newest = path + "/state." + str(ring._twin._generation & 1)
    _close()
    _spoil(newest, 9)
    again = _ring(path)
    assert again.damaged == 1
    assert again.boot > boot


def test_a_segment_number_is_never_reused_while_running():
    path = _directory("numbers")
    ring = _ring(path)
    position = _append(ring, 2)
    ring.close()  # as after a write error
    ring.commit(1, 2, [])
    assert _segments(path) == []
    assert _append(ring)[0] > position[0]


def test_a_directory_that_cannot_be_is_refused():
    _close()
    try:
        _ring("/proc/no-such-directory/ring")
    except OSError:
        return
    raise AssertionError("opened")
