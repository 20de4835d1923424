"""The list of seeded faults still fits the firmware; what no longer does is said."""

from pathlib import Path

import pytest

from cobenefit_hil import mutants
from cobenefit_hil.virtual.board import firmware

ROOT = Path(__file__).parents[1]
MUTANTS = mutants.load(ROOT / "mutants.toml")


def test_there_are_enough_with_names_of_their_own_and_tests_that_exist():
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 12
    for mutant in MUTANTS:
        for test in mutant.tests:
            file, _, name = test.partition("::")
            assert name in (ROOT / "suite" / file).read_text(), (mutant.name, test)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_applies_and_changes_one_file(tmp_path, mutant):
    mutants.seed(mutant, firmware(), tmp_path)
    (root,) = {path for path in firmware() if (path / mutant.file).is_file()}
    changed = [
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")
        if path.read_text() != (root / path.relative_to(tmp_path)).read_text()
    ]  # fmt: skip
    assert changed == [mutant.file]


def test_a_text_that_is_gone_and_one_that_is_no_python_are_refused(tmp_path):
    gone = mutants.Mutant("gone", "cobenefit_node/ring.py", "no such text", "", ())
    with pytest.raises(mutants.MutantError, match="no longer applies: its text occurs 0 times"):
        mutants.seed(gone, firmware(), tmp_path / "a")
    broken = mutants.Mutant("broken", "cobenefit_node/ring.py", "class Ring:", "class :", ())
    with pytest.raises(mutants.MutantError, match="no Python"):
        mutants.seed(broken, firmware(), tmp_path / "b")
