"""Names for annotations: MicroPython has no `typing`, and never evaluates an annotation."""

try:
    from typing import Any as Any  # noqa: PLC0414
except ImportError:
    Any = None  # type: ignore[assignment,misc]
