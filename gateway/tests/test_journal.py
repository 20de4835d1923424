import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.errors import StorageError
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
    again.append(records[-1])
    again.close()
    assert read(folder) == [*kept, records[-1]]


def test_files_roll_and_old_ones_go(tmp_path):
    journal, records = filled(tmp_path, 20, limit=200)
    assert len(list(tmp_path.glob("*.log"))) > 3
    assert list(journal.replay(START)) == records
    journal.drop_before(journal.position)
    journal.close()
    assert [p.name for p in tmp_path.glob("*.log")] == [f"{journal.position.segment:08d}.log"]


def test_damage_before_the_end_is_said_not_skipped(tmp_path):
    journal, _ = filled(tmp_path, 20, limit=200)
    first = tmp_path / "00000001.log"
    data = bytearray(first.read_bytes())
    data[30] ^= 1
    first.write_bytes(bytes(data))
    with pytest.raises(StorageError, match=r"00000001\.log"):
        list(journal.replay(START))
    journal.close()
