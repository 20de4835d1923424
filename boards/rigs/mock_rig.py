"""Starts the mock boards of a rig's file, until Ctrl-C.

Run it with the Python that has `esp32-mock-bootloader` and esptool:
`~/esptool/bin/python boards/rigs/mock_rig.py [RIG]`.
"""

import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

MOCK = Path(__file__).parents[1] / "tests/mock_boards.py"


def main(rig: Path) -> None:
    """Start one ESP32 per `[[slot]]`, on the port it names, and wait for all of them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    slots = tomllib.loads(rig.read_text(encoding="utf-8"))["slot"]
    with tempfile.TemporaryDirectory() as work:
        boards = []
        for number, slot in enumerate(slots, 1):
            files = [str(Path(work, f"{kind}-{number}")) for kind in ("port", "dump")]
            mac, port = f"24:0a:c4:00:00:{number:02x}", slot["port"].rpartition(":")[2]
            command = [sys.executable, str(MOCK), "esp32", mac, *files, "none", port]
            boards.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        try:
            for board in boards:
                board.wait()
        except KeyboardInterrupt:
            for board in boards:
                board.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("mock.toml"))
