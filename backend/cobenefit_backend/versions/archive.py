"""The files of a version: made once, in one archive, and read from it ever after.

A version is not made again from its data: another release of the program would write another
page. What was published stands in the archive, an RO-Crate, with the French CSV files beside.
"""

import io
import json
import re
import zipfile
from typing import Any

from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports.crate import crate
from cobenefit_backend.report.records import SCHEMA_VERSION, Report

READABLE = frozenset((SCHEMA_VERSION,))
"""Schemas of `report.json` that this program compares; files of any other are still served."""
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
_REPORT = "report.json"


def pack(report: Report) -> bytes:
    """Return every file of a report in one archive."""
    return crate(report)


def names(archive: bytes) -> list[str]:
    """Return the names of the files in an archive, in its order."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        return packed.namelist()


def file_of(archive: bytes, name: str) -> bytes:
    """Return a file of an archive as it was written.

    Parameters
    ----------
    archive : bytes
        The archive.
    name : str
        Name of the file.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    RequestError
        404 when there is none of that name.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        try:
            return packed.read(name)
        except KeyError:
            known = ", ".join(packed.namelist())
            raise RequestError(404, "file", f"no file {name!r}; there are: {known}") from None


def report_of(archive: bytes, number: int) -> dict[str, Any]:
    """Return `report.json` of an archive, for comparing.

    Parameters
    ----------
    archive : bytes
        The archive.
    number : int
        Number of the version, for the message. [1]

    Returns
    -------
    dict
        The report.

    Raises
    ------
    RequestError
        409 when it was written in a schema this program does not read.
    """
    report: dict[str, Any] = json.loads(file_of(archive, _REPORT))
    schema = report.get("schema_version")
    if schema not in READABLE:
        known = ", ".join(map(str, sorted(READABLE)))
        raise RequestError(
            409,
            "schema",
            f"version {number} was written in schema {schema}; this program compares {known}. "
            "Its files can still be read.",
        )
    return report


def policy_of(html: bytes) -> str:
    """Return the content security policy that a stored page was written with."""
    found = _POLICY.search(html[:4096].decode("utf-8", "replace"))
    return found[1].replace("&#39;", "'") if found else "default-src 'none'"
