"""The journal says less than was done when it is cut, never more."""

import resource
import subprocess

import pytest

from cobenefit_boards.flash_journal import FILE, Journal, JournalError, opened

NODE = {"node": "lille-01/meter-1", "mac": "24:0a:c4:00:00:01"}


def test_every_cut_of_the_file_says_less_never_more(tmp_path):
    with opened(tmp_path) as journal:
        for step in ("begun", "firmware", "flashed"):
            journal.note(step, work="w", **NODE)
    whole = (tmp_path / FILE).read_bytes()
    before = set()
    for size in [*range(0, len(whole) - 1, 9), len(whole) - 1, len(whole)]:
        (tmp_path / FILE).write_bytes(whole[:size])
        with opened(tmp_path) as journal:
            reached = journal.reached(NODE["node"], "w")
            assert before <= reached
            assert ("flashed" in reached) == (size >= len(whole) - 1)
            before = reached
            journal.note("bound", **NODE)
        with opened(tmp_path) as journal:  # what is added after a torn line is whole
            assert journal.mac_of(NODE["node"]) == NODE["mac"]


def test_a_step_counts_for_its_images_and_its_last_try(tmp_path):
    with opened(tmp_path) as journal:
        journal.note("begun", work="old", **NODE)
        journal.note("flashed", work="old", **NODE)
        assert "flashed" in journal.reached(NODE["node"], "old")
        assert journal.reached(NODE["node"], "new") == set()
        journal.note("begun", work="new", **NODE)
        assert journal.reached(NODE["node"], "old") == set()


def test_a_full_disk_is_said_and_the_step_does_not_count(tmp_path):
    journal = Journal(tmp_path)
    journal.note("begun", work="w", **NODE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 20, hard))
    try:
        with pytest.raises(OSError, match=r"disk is full|File too large"):
            journal.note("flashed", work="w", **NODE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.reached(NODE["node"], "w") == {"begun"}
    journal.close()
    with opened(tmp_path) as again:
        assert again.reached(NODE["node"], "w") == {"begun"}
        assert again.damaged == 1


def test_two_flashers_do_not_share_a_batch(tmp_path):
    with opened(tmp_path), pytest.raises(JournalError, match="another flasher"):
        Journal(tmp_path)
    holder = subprocess.run(["flock", "-n", str(tmp_path / FILE), "true"])
    assert holder.returncode == 0
