"""Peers in virtual environments of their own, below .venv-bench, made once."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from peers.process import NotRunError

HOME = Path(__file__).resolve().parents[2] / ".venv-bench"


def python_with(name: str, packages: list[str]) -> Path:
    """Return an interpreter that has these packages; NotRunError where they can't be had."""
    folder = HOME / name
    python, done = folder / "bin/python", folder / ".done"
    wanted = "\n".join(packages)
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Installing {', '.join(packages)} in .venv-bench/{name}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if result.returncode:
        raise NotRunError(f"pip could not install {wanted}: {result.stderr.strip()[-200:]}")
    done.write_text(wanted, encoding="utf-8")
    return python
