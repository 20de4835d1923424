"""The tests of tests/both again on MicroPython with words of 32 bits, as boards have.

The unix port here has 64: an integer, a hash or a mask that only fits those would pass unseen.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent.parent
#: Tries every bit error of every frame, in half a minute there; it holds no number above 2^30.
TOO_LONG = "test_driver_tic.py"
FILES = sorted(
    f"tests/both/{path.name}"
    for path in (HERE / "both").glob("test_*.py")
    if path.name != TOO_LONG
)
MODULE = "node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs"
MAXSIZE_32 = 2**31 - 1
#: Tests that start an event loop are left out; the others are at least this many.
LEAST = 170


@pytest.mark.timeout(600)
def test_wire_and_node_have_room_in_32_bits(program):
    node = program("node")
    module = pathlib.Path(sys.prefix) / "npm" / MODULE
    if not module.is_file():
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"{module} is missing: `make setup` fetches it where there is npm")
    command = [node, str(HERE / "wasm/run.mjs"), str(module), str(HERE.parent), *FILES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr
    printed = dict(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(printed) == FILES
    total = 0
    for file, lines in printed.items():
        maxsize, passed, failed, _left_out = (int(word) for word in lines[-1].split())
        assert (maxsize, failed) == (MAXSIZE_32, 0), (file, lines)
        total += passed
    assert total >= LEAST, printed
