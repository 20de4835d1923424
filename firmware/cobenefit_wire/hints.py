"""Names for annotations and constants: MicroPython has no `typing`, CPython no `const`.

MicroPython never evaluates an annotation, and its compiler puts the value of `_NAME = const(…)`
where the name is used: such a name takes no memory.
"""

try:
    from typing import Any as Any  # noqa: PLC0414
except ImportError:
    Any = None  # type: ignore[assignment,misc]

try:
    from micropython import const as const  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0414
except ImportError:

    def const(value: Any) -> Any:  # type: ignore[misc,unused-ignore]
        """Return the value."""
        return value
