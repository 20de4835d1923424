"""The hardware suite in a process of its own, on a rig that a test has made up."""

import subprocess
import sys
from pathlib import Path

import pytest

from cobenefit_hil import record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_suite(tmp_path):
    """Run the named tests of the console, and all of the suite that is then skipped."""

    def run(lines, tests, suite="hil-tests/suite"):
        rig = tmp_path / "bench.toml"
        rig.write_text("\n".join(lines) + "\n")
        others = " or ".join(tests)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "cobenefit_hil.plugin",
                   "--rig", rig, "--record", tmp_path / "records", "--board", "console_board",
                   "-k", f"not test_mpremote or {others}", ROOT / suite]  # fmt: skip
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return record.read(tmp_path / "records/bench.json")

    return run
