"""Run every file of tests/both under the real MicroPython too: same tests, same vectors."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent.parent
FILES = sorted((HERE / "both").glob("test_*.py"))


def _micropython() -> str:
    return os.environ.get("COBENEFIT_MICROPYTHON", "micropython")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_same_tests_pass_on_micropython(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = subprocess.run(
        [_micropython(), str(HERE / "run.py"), str(path)],
        capture_output=True,
        text=True,
        timeout=250,
        cwd=tmp_path,  # CPython may be at the same test, in this directory
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed on micropython" in done.stdout
