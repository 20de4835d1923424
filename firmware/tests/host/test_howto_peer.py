"""The peer printed in docs/howto/write-a-driver.md serves what the printed driver reads."""

import asyncio
import os
import pathlib

from cobenefit_hil.peers.base import Fault
from cobenefit_wire import quality

PAGE = pathlib.Path(__file__).parents[3] / "docs/howto/write-a-driver.md"


class Line:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    async def read(self, n: int) -> bytes:
        while True:
            try:
                return os.read(self.fd, n)
            except BlockingIOError:
                await asyncio.sleep(0.005)


def test_the_printed_peer_and_driver_agree(tmp_path: pathlib.Path) -> None:
    scope: dict = {}
    driver, peer, _ = (part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:])
    exec(driver + peer, scope)
    index_wh = {"energy_import_wh": [1000, 2500, 2600, 123_456_789]}
    faults = [Fault(1, "corrupt"), Fault(2, "silence")]
    codes = []
    with scope["P1Peer"]("p1", tmp_path, [10, 20, 30, 40], index_wh, faults) as meter:
        fd = os.open(meter.sensor.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        reader = scope["P1"](Line(fd), 100)
        for t_ms in (10, 20, 30, 40):
            reader._timeout_ms = 100 if t_ms == 30 else 20_000  # it is silent then, and only then
            meter.set_time(t_ms)
            (value,) = asyncio.run(reader.read())
            codes.append((value.value, value.quality))
        os.close(fd)
    assert codes == [
        (1000, quality.GOOD), (0, quality.CHECKSUM), (0, quality.TIMEOUT),
        (123_456_789, quality.GOOD),
    ]  # fmt: skip
