"""Killed flashers, killed boards, a full disk: run again, nothing is half done and called done."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter

import pytest

from cobenefit_boards import board, flash_image

VFS, VFS_BYTES = 0x200000, 0x100000
NVS, NVS_BYTES = 0x9000, 0x6000
MODEL = "esp32_generic"


def rig(tmp_path, made):
    rows = [
        f'[[slot]]\nname = "{n}"\nport = "socket://127.0.0.1:{mock.port}"\nreset = false\n'
        'console = "none"\n'
        for n, mock in enumerate(made, 1)
    ]
    (tmp_path / "rig.toml").write_text("\n".join(rows))


def mac(number):
    return f"24:0a:c4:00:{number >> 8:02x}:{number & 255:02x}"


def rows(out):
    """Return the journal of a batch, whole lines only."""
    journal = out / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def flashed(out):
    """Return the MAC by node of what the journal calls flashed."""
    return {row["node"]: row["mac"] for row in rows(out) if row["step"] == "flashed"}


def assert_holds(mock, folder, image):
    """Compare the flash of a board with what its node should be."""
    flash, offset = mock.flash(), board.load(MODEL).flash.offset
    assert flash[VFS : VFS + VFS_BYTES] == (folder / "vfs.bin").read_bytes()
    assert flash[NVS : NVS + NVS_BYTES] == (folder / "nvs.bin").read_bytes()
    assert flash[offset:NVS] == image[: NVS - offset]
    end = NVS + NVS_BYTES
    assert flash[end : offset + len(image)] == image[end - offset :]


def check(tmp_path, made):
    """Assert that each board that is called flashed is; return how many are."""
    found = flashed(tmp_path / "out")
    image = flash_image.find(board.load(MODEL), tmp_path / "images").read_bytes()
    by_mac = {mock.mac: mock for mock in made}
    for node, address in found.items():
        assert_holds(by_mac[address], tmp_path / "out" / node, image)
    return len(found)


def started(tmp_path, cobenefit, options):
    command, environment = cobenefit
    with (tmp_path / "log").open("ab") as log:
        return subprocess.Popen(
            [*command, "boards", *options], env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


@pytest.mark.timeout(3600)
def test_a_flasher_killed_at_any_moment_calls_no_half_board_done(  # noqa: PLR0917
    mocks, bench, tmp_path, cobenefit, wait_for, long_run, seed
):
    """Kill it half way; with --long, 60 times at random with four boards."""
    kills, boards = (60, 4) if long_run else (1, 1)
    options = bench(["esp32"] * boards)
    shutil.copytree(tmp_path / "out", tmp_path / "pristine")
    instants, killed_in, batches = random.Random(seed), [], 0
    while len(killed_in) < kills:
        shutil.rmtree(tmp_path / "out")
        shutil.copytree(tmp_path / "pristine", tmp_path / "out")
        made = [mocks("esp32", mac(100 * batches + n)) for n in range(boards)]
        rig(tmp_path, made)
        batches += 1
        while len(killed_in) < kills and check(tmp_path, made) < boards:
            wanted = len(steps(tmp_path)) + (instants.randrange(4 * boards) if killed_in else 3)
            flasher = started(tmp_path, cobenefit, options)
            over = lambda f=flasher, n=wanted: f.poll() is not None or len(steps(tmp_path)) >= n  # noqa: E731
            wait_for(over, f"line {wanted} of the journal", 300)
            if killed_in:
                time.sleep(instants.uniform(0, 2))  # the instant, not a wait for something
            if flasher.poll() is None:
                (os.killpg if instants.random() < 0.5 else os.kill)(flasher.pid, signal.SIGKILL)
                killed_in.append((steps(tmp_path) or ["nothing"])[-1])
            flasher.wait()
        assert started(tmp_path, cobenefit, options).wait() == 0, (tmp_path / "log").read_text()
        assert check(tmp_path, made) == boards
    print(f"{kills} kills in {batches} batches of {boards}, after: {Counter(killed_in)}")


def steps(tmp_path):
    return [row["step"] for row in rows(tmp_path / "out")]


#: On a disk of its own: the batch with no page left, with one, with room; what each run says.
FULL_DISK = """
set -eu
mount -t tmpfs -o size=32m none disk
cp -a out/. disk
for pages in 0 1 999; do
  used=$(df --block-size=4096 --output=used disk | tail -1)
  mount -o remount,size=$(((used + pages) * 4))k disk
  "$@" > said-$pages 2>&1 || echo "exit code $?" >> said-$pages
done
cp -a disk/. kept
"""


def test_a_full_disk_and_a_killed_board_are_made_good(mocks, bench, tmp_path, cobenefit, program):
    options = bench(["esp32", "esp32"])
    made = [mocks("esp32", mac(n)) for n in range(2)]
    rig(tmp_path, made)
    made[1].close()
    (tmp_path / "disk").mkdir()
    command, environment = cobenefit
    options[options.index("--out") + 1] = "disk"
    script = [program("unshare"), "--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK]
    done = subprocess.run(
        [*script, "sh", *command, "boards", *options],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    full, page, room = ((tmp_path / f"said-{pages}").read_text() for pages in (0, 1, 999))
    assert "No space left on device" in full
    assert "exit code 3" in full
    assert "No space left on device" in page
    assert "exit code 3" in room  # the killed board
    said = json.loads(room[room.index("[") :].splitlines()[0])
    assert [row["flashed"] for row in said] == ["before", "no"]
    assert said[1]["cause"] == "nothing is there"
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "kept").rename(tmp_path / "out")
    assert check(tmp_path, made[:1]) == 1
    made[1] = mocks("esp32", mac(1))
    rig(tmp_path, made)
    options[options.index("disk")] = str(tmp_path / "out")
    assert started(tmp_path, cobenefit, options).wait() == 0, (tmp_path / "log").read_text()
    assert check(tmp_path, made) == 2
