"""Ten seconds of the fuzzer in `gateway/benchmarks/fuzz_ingest.py`, another seed each day."""

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

PATH = Path(__file__).parents[1] / "benchmarks/fuzz_ingest.py"


def test_nothing_from_a_stranger_is_fatal():
    spec = importlib.util.spec_from_file_location("fuzz_ingest", PATH)
    fuzz_ingest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz_ingest)
    done = fuzz_ingest.fuzz(1 << 40, 10.0, datetime.now(UTC).toordinal())
    for name, _, _ in fuzz_ingest.TARGETS:
        assert done[name]["executions"] > 100
    assert done["peak_mb"] < 1000
