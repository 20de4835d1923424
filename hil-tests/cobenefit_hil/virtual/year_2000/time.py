# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ANN201, F403
"""`time` of a board whose clock has no battery: it starts at 2000-01-01 with the board.

Found before the built-in when a virtual board is made with `year_2000`. Ticks are untouched.
"""

from utime import *
from utime import time_ns as _host_ns

_STARTED_NS = _host_ns()
_YEAR_2000_NS = 946_684_800_000_000_000


def time_ns():
    """Return nanoseconds since 1970 by this clock."""
    return _host_ns() - _STARTED_NS + _YEAR_2000_NS


def time():
    """Return seconds since 1970 by this clock."""
    return time_ns() // 1_000_000_000
