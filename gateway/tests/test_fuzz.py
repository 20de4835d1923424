"""A round of the fuzzer in `gateway/benchmarks/fuzz_ingest.py`, the same for each seed."""

import json
import subprocess
import sys
from pathlib import Path

PATH = Path(__file__).parents[1] / "benchmarks/fuzz_ingest.py"
TARGETS = ("framing", "packs", "senml", "health")


def test_nothing_from_a_stranger_is_fatal(seed):
    options = ["--executions", "100000", "--longest-s", "100", "--seed", str(seed)]
    done = subprocess.run([sys.executable, str(PATH), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(found[name]["executions"] > 100 for name in TARGETS), found
    assert found["peak_mb"] < 1000
