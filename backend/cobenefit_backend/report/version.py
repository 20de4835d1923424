"""The versions of method and code a report was computed with."""

from importlib.metadata import PackageNotFoundError, version

METHOD_VERSION = "1"
"""Raised by whoever changes an equation, a gate or a default that moves a figure."""


def code_version() -> str:
    """Return the installed version of the distribution, or say that there is none."""
    try:
        return version("cobenefit")
    except PackageNotFoundError:
        return "0+uninstalled"
