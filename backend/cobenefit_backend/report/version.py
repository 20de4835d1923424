"""The code version a report was computed with."""

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Return the installed version of the distribution, or say that there is none."""
    try:
        return version("cobenefit")
    except PackageNotFoundError:
        return "0+uninstalled"
