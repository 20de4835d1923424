"""Run the tests of one file that need no event loop: that of this port belongs to JavaScript.

`PATH` is set by `run.mjs`. Prints what failed, and how many passed, failed and were left out.
"""

import asyncio
import random
import sys

sys.path.insert(0, "/firmware")
_os = sys.modules.get("os") or __import__("os")


class Os:
    """The port's `os`, and what it lacks: an environment, which is empty, and chance."""

    def __getattr__(self, name):
        return getattr(_os, name)

    def getenv(self, _name):
        return None

    def urandom(self, count):
        return bytes([random.getrandbits(8) for _ in range(count)])


sys.modules["os"] = Os()


class NeedsLoop(Exception):  # noqa: N818
    """Raised where a test starts an event loop."""


def _run(coroutine):
    coroutine.close()
    raise NeedsLoop


asyncio.run = _run
scope = {"__name__": "tests", "__file__": PATH}  # noqa: F821
with open(PATH) as f:  # noqa: F821
    exec(compile(f.read(), PATH, "exec"), scope)  # noqa: F821
passed = failed = left_out = 0
for name in sorted(n for n in scope if n.startswith("test_")):
    try:
        scope[name]()
        passed += 1
    except NeedsLoop:
        left_out += 1
    except Exception as err:
        failed += 1
        print("FAILED", name)
        sys.print_exception(err)
print(sys.maxsize, passed, failed, left_out)
