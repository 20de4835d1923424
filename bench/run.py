"""Run every benchmark and write bench/latest.json.

A benchmark is a program `bench_*.py` in this folder or in a part's `benchmarks/`; it prints JSON
lines `{"name": …, "value": …, "unit": …, "peer": …, "ratio": …}`, with peer and ratio null where
nothing is compared. One that fails, or could not run every peer, makes this exit with 1 after the
others have run. An argument runs only the files whose name contains it; the rows of others are
kept from the last run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LATEST = ROOT / "bench/latest.json"
KEYS = ["name", "value", "unit", "peer", "ratio"]


def main(wanted: str = "") -> int:
    """Run the benchmarks whose file name contains `wanted`; return the exit code [-]."""
    found = sorted([*ROOT.glob("bench/bench_*.py"), *ROOT.glob("*/benchmarks/bench_*.py")])
    files = [path for path in found if wanted in path.name]
    if not files:
        print(f"No benchmark matches {wanted!r}; there are: {[p.name for p in found]}")
        return 2
    rows = {row["name"]: row for row in _last()}
    failed, fresh = [], dict[str, dict[str, Any]]()
    for path in files:
        measured, code = _run(path)
        # What two measure is kept from the one that compares it with a peer.
        fresh |= {r["name"]: r for r in measured if r["peer"] or r["name"] not in fresh}
        failed += [f"{path.name} (exit code {code})"] if code else []
    rows |= fresh
    LATEST.write_text(json.dumps(list(rows.values()), indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows in {LATEST.relative_to(ROOT)}")
    if failed:
        print(f"Incomplete: {', '.join(failed)}")
    return 1 if failed else 0


def _last() -> list[dict[str, Any]]:
    return json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else []


def _run(path: Path) -> tuple[list[dict[str, Any]], int]:
    command = f"make bench ARGS={path.stem}"
    print(f"{path.relative_to(ROOT)} …", flush=True)
    done = subprocess.run(
        [sys.executable, str(path)], stdout=subprocess.PIPE, text=True, check=False, timeout=1800
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        if list(row) != KEYS:
            raise ValueError(f"{path.name}: a row has the keys {list(row)}, wanted {KEYS}")
        ratio = f"{row['ratio']:.3g} x " if row["ratio"] else ""
        against = f"  {ratio}{row['peer']}" if row["peer"] else ""
        print(f"  {row['name']:<24} {row['value']:>12.6g} {row['unit']}{against}")
    return [{**row, "command": command} for row in rows], done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
