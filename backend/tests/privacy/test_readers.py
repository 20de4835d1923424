"""Nothing reads windows past consent: who names the table of rollups asks, or only counts."""

from pathlib import Path

import cobenefit_backend

PACKAGE = Path(cobenefit_backend.__file__).parent
#: What reads no value of a household, and why it need not ask.
NO_VALUES = {
    "database.py": "its docstring",
    "digests.py": "hashes and counts",
    "fleet_reads.py": "counts of readings and when the last one came, for who is signed in",
    "household_retention.py": "times of windows, to remove them",
}


def test_every_reader_of_rollups_asks_for_consent():
    """A reader asks `store.consents.register(tenant)`: `may` for a series, `shows` for windows."""
    past = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "{rollup}" in (source := path.read_text(encoding="utf-8")) and "consents" not in source
    }
    assert past <= set(NO_VALUES), "these read readings of homes without asking, see privacy.md"
