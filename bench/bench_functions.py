"""Each function of the core alone, by pytest-benchmark in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from peers.process import NotRunError
from peers.venv import python_with

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["numpy", "pytest", "pytest-benchmark", "tzdata"]


def main() -> int:
    """Print a row per function; exit code 3 when pytest-benchmark can't be had [-]."""
    try:
        python = python_with("functions", PACKAGES)
    except NotRunError as err:
        print(f"bench_functions not run: {err}", file=sys.stderr)
        return 3
    paths = os.pathsep.join(str(ROOT / part) for part in ("gateway", "firmware"))
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        command = [str(python), "-m", "pytest", "-q", "-c", f"{folder}/pytest.ini"]
        command += [f"--benchmark-json={result}", "--benchmark-min-time=0.00001"]
        command += ["--benchmark-max-time=0.5", "--benchmark-timer=time.process_time"]
        command += [str(ROOT / "bench/peers/functions.py")]
        env = os.environ | {"PYTHONPATH": paths}
        subprocess.run(command, check=True, env=env, stdout=sys.stderr, timeout=300)
        found = json.loads(result.read_text(encoding="utf-8"))["benchmarks"]
    for one in found:
        rate = one["extra_info"]["size"] / one["stats"]["median"]
        name = "core_" + one["name"].removeprefix("test_").replace("[", "_").rstrip("]")
        unit = one["extra_info"].get("unit", "readings") + "/cpu-s"
        row = {"name": name, "value": rate, "unit": unit, "peer": None, "ratio": None}
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
