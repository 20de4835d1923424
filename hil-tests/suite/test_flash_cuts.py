"""Power cut at every flash operation below littlefs: nothing committed is lost or changed.

The day is lived by the real ring on a real MicroPython with a real littlefs; the chip below it
tears the operation that is cut and is dead until the next start. What it must hold is decided by
an oracle that only knows what `append` and `commit` returned for.
"""

import json
import subprocess
from pathlib import Path

import pytest

import cobenefit_node
from cobenefit_hil.virtual import board

pytestmark = [pytest.mark.hil, pytest.mark.needs("power")]
VIRTUAL = Path(board.__file__).parent
SEED = 20_261_122
NOTHING = {
    "lost": 0,
    "corrupt": 0,
    "unmountable": 0,
    "reused": 0,
    "uncounted": 0,
    "overcounted": 0,
}


def run(*arguments, timeout_s=100):
    paths = [str(VIRTUAL), str(Path(cobenefit_node.__file__).parent.parent), ".frozen"]
    command = [
        board.interpreter(),
        "-X",
        "heapsize=4M",
        str(VIRTUAL / "flash_cuts.py"),
        *arguments,
    ]
    done = subprocess.run(
        command,
        env={"MICROPYPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_cut_at_every_flash_operation_of_a_day_loses_nothing():
    got = run("every")
    assert got.pop("cuts") > 300
    assert got.pop("packs") > 10_000
    assert got == NOTHING


@pytest.mark.timeout(1800)
def test_cuts_at_random_operations_of_many_boots_lose_nothing(long_run):
    cuts = 10_000 if long_run else 300
    got = run("random", str(cuts), str(SEED), timeout_s=1700)
    assert got.pop("cuts") == cuts
    assert got.pop("packs") > 10 * cuts
    assert got == NOTHING


def test_every_flipped_bit_is_detected_and_costs_at_most_its_own_pack(long_run):
    got = run("flips", "1" if long_run else "31")
    assert got.pop("flips") > (10_000 if long_run else 300)
    assert got == {"undetected": 0, "corrupt": 0, "others_lost": 0, "uncounted": 0}
