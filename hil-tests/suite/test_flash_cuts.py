"""Power cut at every flash operation below littlefs: nothing committed is lost or changed.

The day is lived by the real ring on a real MicroPython with a real littlefs; the chip below it
tears the operation that is cut. What it must hold is decided by an oracle that only knows what
`append` and `commit` returned for.
"""

import shutil
from pathlib import Path

import pytest
from rich.progress import MofNCompleteColumn, Progress

import cobenefit_node
from cobenefit_hil.virtual import cutting

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "simulated_flash")]
FIRMWARE = Path(cobenefit_node.__file__).parent.parent
NOTHING = dict.fromkeys(
    ("lost", "corrupt", "duplicates", "unmountable", "reused", "uncounted", "overcounted"), 0
)


def test_a_cut_at_every_flash_operation_of_a_day_loses_nothing():
    got = cutting.run("every")
    assert got.pop("cuts") > 300
    assert got.pop("packs") == 135
    assert got == NOTHING


@pytest.mark.timeout(1800)
def test_cuts_at_random_operations_of_many_boots_lose_nothing(long_run, seed, capfd):
    cuts = 10_000 if long_run else 600
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with capfd.disabled(), Progress(*columns, disable=not long_run) as progress:
        bar = progress.add_task(f"power cuts, --seed {seed}", total=cuts)
        got = cutting.at_random(cuts, seed, lambda done: progress.advance(bar, done))
        progress.console.print(dict(got)) if long_run else None
    assert got.pop("cuts") == cuts
    assert got.pop("packs") > 3 * cuts
    assert got == NOTHING


BROKEN = {
    "lost": ("every", "            self._writer.flush()\n", ""),
    "uncounted": ("every", "0 if covered else record.readings", "0"),
    "corrupt": ("flips", "(boot, seq) != (record.boot, record.seq)", "False"),
}


@pytest.mark.parametrize("found", BROKEN)
def test_the_oracle_sees_a_ring_that_is_broken(tmp_path, found):
    mode, old, new = BROKEN[found]
    shutil.copytree(FIRMWARE, tmp_path / "broken", ignore=shutil.ignore_patterns("tests"))
    path = tmp_path / "broken/cobenefit_node/ring.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert cutting.run(mode, "31", firmware=tmp_path / "broken")[found] > 0


@pytest.mark.timeout(900)
def test_every_flipped_bit_is_detected_and_costs_at_most_its_own_pack(long_run):
    got = cutting.run("flips", "1" if long_run else "31")
    assert got.pop("flips") > (10_000 if long_run else 300)
    assert got == {"undetected": 0, "corrupt": 0, "others_lost": 0, "uncounted": 0}
