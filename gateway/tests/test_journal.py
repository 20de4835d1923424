import os
import resource
import signal
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.journal import Journal, Position, Record

START = Position(1, 0)


def read(folder, start=START):
    journal = Journal(folder, 1 << 20)
    try:
        return list(journal.replay(start))
    finally:
        journal.close()


def filled(folder, n=5, limit=1 << 20):
    journal = Journal(folder, limit)
    records = [Record(f"cb/v1/s/d/up/x{i}", bytes([i]) * i, i) for i in range(n)]
    for record in records:
        journal.append(record)
        journal.sync()
    return journal, records


def test_what_is_synced_is_read_again_from_any_position(tmp_path):
    journal, records = filled(tmp_path)
    middle = journal.position
    more = Record("t", b"more", 9)
    journal.append(more)
    assert list(journal.replay(START)) == records
    journal.sync()
    journal.close()
    assert read(tmp_path) == [*records, more]
    assert read(tmp_path, middle) == [more]


def test_what_was_not_synced_before_the_end_was_never_safe(tmp_path):
    journal, records = filled(tmp_path)
    journal.append(Record("t", b"more", 9))
    journal.close()
    assert read(tmp_path) == records


@given(cut=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_a_torn_tail_is_cut_and_the_journal_goes_on(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("journal")
    journal, records = filled(folder)
    journal.close()
    path = folder / "00000001.log"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: max(size - cut, 0)])
    again = Journal(folder, 1 << 20)
    kept = list(again.replay(START))
    assert kept == records[: len(kept)]
    assert again.damaged_bytes == 0
    again.append(records[-1])
    again.sync()
    again.close()
    assert read(folder) == [*kept, records[-1]]


def test_files_roll_and_old_ones_go(tmp_path):
    journal, records = filled(tmp_path, 20, limit=200)
    assert len(list(tmp_path.glob("*.log"))) > 3
    assert list(journal.replay(START)) == records
    journal.drop_before(journal.position)
    journal.close()
    assert [p.name for p in tmp_path.glob("*.log")] == [f"{journal.position.segment:08d}.log"]


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_costs_its_record_and_is_counted(tmp_path_factory, at, bit):
    folder = tmp_path_factory.mktemp("journal")
    journal, records = filled(folder, 20, limit=200)
    journal.close()
    path = min(folder.glob("*.log"))
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(bytes(data))
    again = Journal(folder, 200)
    kept = list(again.replay(START))
    again.close()
    assert len(kept) == len(records) - 1
    assert [r for r in records if r in kept] == kept
    lost = next(r for r in records if r not in kept)
    assert again.damaged_bytes == 22 + len(lost.topic) + len(lost.payload)
    assert again.cut_bytes == 0


def test_a_flipped_bit_in_the_last_file_costs_no_record_after_it(tmp_path):
    journal, records = filled(tmp_path)
    journal.close()
    path = tmp_path / "00000001.log"
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(bytes(data))
    assert read(tmp_path) == records[1:]
    assert len(path.read_bytes()) == len(data)


def test_a_truncated_file_before_the_last_costs_its_end_only(tmp_path):
    journal, records = filled(tmp_path, 20, limit=200)
    path = tmp_path / "00000001.log"
    path.write_bytes(path.read_bytes()[:-5])
    kept = list(journal.replay(START))
    journal.close()
    assert len(kept) == len(records) - 1
    assert journal.damaged_bytes > 0


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 1 MB where mounting is allowed; else a limit on the file size."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode
        == 0
    )
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    if mounted:
        yield folder, (folder / "ballast").unlink
        subprocess.run(["umount", folder], check=True)
        return
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, usual[1]))
    yield folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_refuses_keeps_and_takes_it_later(small_disk):
    folder, make_room = small_disk
    (folder / "ballast").write_bytes(bytes(500_000))
    journal = Journal(folder / "journal", 16 << 20)
    sent, safe = [], 0
    for i in range(200):
        sent.append(Record(f"cb/v1/s/d/up/x{i}", bytes([i]) * 10_000, i))
        journal.append(sent[-1])
        try:
            journal.sync()
        except OSError:
            break
        safe = len(sent)
    assert 0 < safe < len(sent)
    assert journal.pending
    assert list(journal.replay(START)) == sent[:safe]
    with pytest.raises(OSError, match=r"space|large"):
        journal.sync()
    make_room()
    journal.sync()
    assert not journal.pending
    assert list(journal.replay(START)) == sent
    assert (journal.cut_bytes, journal.damaged_bytes) == (0, 0)
    journal.close()
