"""The driver and the test printed in docs/howto/write-a-driver.md work as printed."""

import asyncio

from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality


def _blocks():
    root = __file__.rsplit("/", 4)[0] if __file__.count("/") > 3 else "."
    with open(root + "/docs/howto/write-a-driver.md") as f:
        return [part.split("```")[0] for part in f.read().split("```python\n")[1:]]


def _scope():
    driver, _, test = _blocks()
    scope = {}
    exec(driver, scope)
    exec(test, scope)
    return scope


class Line:
    def __init__(self, *chunks):
        self.chunks = list(chunks)

    async def read(self, n):
        while not self.chunks:
            await pause(5)
        return self.chunks.pop(0)


def test_the_printed_test_passes():
    scope = _scope()
    names = [name for name in scope if name.startswith("test_")]
    assert len(names) == 1
    scope[names[0]]()


def test_the_printed_driver_reads_flags_and_times_out():
    scope = _scope()
    raw = scope["TELEGRAM"] + b"%04X\r\n" % scope["crc16"](scope["TELEGRAM"], 0)

    async def run():
        driver = scope["P1"](Line(raw[30:], raw[:20], raw[20:] + raw.replace(b"9", b"8")), 40)
        got = []
        for _ in range(4):
            got += await driver.read()
        return [(value.value, value.quality) for value in got]

    assert asyncio.run(run()) == [
        (0, quality.CHECKSUM), (8838617, quality.GOOD), (0, quality.CHECKSUM),
        (0, quality.TIMEOUT),
    ]  # fmt: skip
