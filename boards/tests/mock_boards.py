"""A mock ESP32 boot loader with a MAC of its own and faults; run by the tools' interpreter.

Arguments: chip, MAC, port file, dump file, fault, and a port if it must be a certain one. A line
on standard input makes it write its flash to the dump file. Faults: `none`; `bad-cell` (one byte
of the file system never changes).
"""

import os
import struct
import sys
import threading
from pathlib import Path

from esp32_mock_bootloader import registers, server

chip, mac, port_file, dump_file, fault, *port = sys.argv[1:]
registers.mac_bytes_for_chip = lambda _: tuple(bytes.fromhex(mac.replace(":", "")))


def dump():
    for _ in sys.stdin:
        part = Path(dump_file + ".part")
        part.write_bytes(server.get_flash_image().data)
        part.rename(dump_file)
    os._exit(0)  # the test is gone


if fault == "bad-cell":
    compare = server.FlashImage.md5_stub_response

    def md5(self, payload, **more):
        start, size = struct.unpack_from("<II", payload)
        if start <= 0x200010 < start + size:
            self.data[0x200010] = 0x5A
        return compare(self, payload, **more)

    server.FlashImage.md5_stub_response = md5

threading.Thread(target=dump, daemon=True).start()
server.run_server(int(port[0]) if port else 0, chip_mode=chip, port_file=port_file)
