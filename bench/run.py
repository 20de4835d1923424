"""Run every benchmark and write bench/latest.json.

A benchmark is a program `bench_*.py` in this folder or in a part's `benchmarks/`; it prints JSON
lines `{"name": …, "value": …, "unit": …, "peer": …, "ratio": …}`, with peer and ratio left out or
null where nothing is compared, and the ratio alone where a peer did not run. One that fails, takes
more than an hour, or could not run every peer, makes this exit with 1 after the others have
run. An argument runs only the files whose name contains it; the rows of others are kept from the
last run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LATEST = ROOT / "bench/latest.json"
REQUIRED, OPTIONAL = ("name", "value", "unit"), ("peer", "ratio")
LONGEST_S = 3600


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
        measured, wrong = _run(path)
        # What two measure is kept from the one that compares it with a peer.
        fresh |= {r["name"]: r for r in measured if r["peer"] or r["name"] not in fresh}
        failed += [wrong] if wrong else []
    rows |= fresh
    LATEST.write_text(json.dumps(list(rows.values()), indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows in {LATEST.relative_to(ROOT)}")
    if failed:
        print(f"Incomplete: {', '.join(failed)}")
    return 1 if failed else 0


def _last() -> list[dict[str, Any]]:
    return json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else []


def _run(path: Path) -> tuple[list[dict[str, Any]], str]:
    print(f"{path.relative_to(ROOT)} …", flush=True)
    command = [sys.executable, str(path)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST_S
        )
        rows = [_row(line, f"make bench ARGS={path.stem}") for line in done.stdout.splitlines()]
    except subprocess.TimeoutExpired:
        return [], f"{path.name} (more than {LONGEST_S} s)"
    except ValueError as err:
        return [], f"{path.name} ({err})"
    for row in rows:
        ratio = f"{row['ratio']:.3g} x " if row["ratio"] is not None else ""
        against = f"  {ratio}{row['peer']}" if row["peer"] else ""
        print(f"  {row['name']:<24} {row['value']:>12.6g} {row['unit']}{against}")
    return rows, f"{path.name} (exit code {done.returncode})" if done.returncode else ""


def _row(line: str, command: str) -> dict[str, Any]:
    row = json.loads(line)
    if missing := [key for key in REQUIRED if key not in row]:
        raise ValueError(f"the row {line[:80]} has no {missing[0]}")
    kept = {key: row[key] for key in REQUIRED} | {key: row.get(key) for key in OPTIONAL}
    return kept | {"command": command}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
