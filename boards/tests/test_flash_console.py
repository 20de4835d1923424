"""Booted, and the self-test passed: judged by what a board says on its console."""

import contextlib
import os
import threading

import pytest

from cobenefit_boards import flash_console
from cobenefit_boards.flash_rig import Slot

BOOTED = b"ets Jul 29 2019\r\n1700000400000 link: connected\r\n"
TABLE = "test  state value\r\ntic   ok    230 V\r\nheap    {}   9 B\r\n"


@pytest.fixture
def board():
    # makes a board that says a line again and again, and answers the self-test
    over = threading.Event()
    threads, made = [], []

    def make(start, answer=b""):
        ours, theirs = os.openpty()
        os.set_blocking(ours, False)
        made.extend([ours, theirs])

        def live():
            heard = b""
            while not over.wait(0.05):
                with contextlib.suppress(BlockingIOError):
                    os.write(ours, answer if b"bench()" in heard else start)
                with contextlib.suppress(BlockingIOError):
                    heard += os.read(ours, 1024)

        threads.append(threading.Thread(target=live))
        threads[-1].start()
        return Slot("1", os.ttyname(theirs))

    yield make
    over.set()
    for thread in threads:
        thread.join()
    for number in made:
        os.close(number)


def judge(slot, reached=frozenset()):
    return flash_console.judge(slot, "esp32", set(reached), lambda _: None)


def test_a_node_that_starts_and_finds_all_well(board):
    answer = b">>> selftest.bench()\r\n" + TABLE.format("ok ").encode()
    assert judge(board(BOOTED, answer)) == (
        "yes", "yes", "", "", {"tic": "ok 230 V", "heap": "ok 9 B"},
    )  # fmt: skip


def test_a_self_test_that_finds_something(board):
    booted, tested, cause, _, measured = judge(board(BOOTED, TABLE.format("bad").encode()))
    assert (booted, tested) == ("yes", "no")
    assert cause == "its self-test finds bad: heap"
    assert measured == {"tic": "ok 230 V", "heap": "bad 9 B"}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n",
            "boot loader",
        ),
        (b"invalid header: 0xffffffff\r\n", "no firmware"),
        (b"Brownout detector was triggered\r\n", "supply is too weak"),
        (b"Traceback (most recent call last):\r\n", "software stopped"),
        (b"", "says nothing"),
        (b"\x80\x9f\x00", "not as a node does"),
    ],
)
def test_a_board_that_does_not_start_says_why(board, said, cause, monkeypatch):
    monkeypatch.setattr(flash_console, "BOOT_S", 2.0)
    booted, tested, found, remedy, _ = judge(board(said))
    assert (booted, tested) == ("no", "not tried")
    assert cause in found
    assert remedy


def test_what_was_seen_before_or_can_not_be_seen_is_not_claimed_now():
    assert judge(Slot("1", "none"), {"booted", "tested"})[:2] == ("before", "before")
    assert judge(Slot("1", "x", console="none"))[:2] == ("not tried", "not tried")
    assert judge(Slot("1", "/dev/does-not-exist"))[0] == "no"
