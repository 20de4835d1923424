"""The formats of a file, and how one is known by its first bytes."""

from enum import StrEnum

from cobenefit_backend.imports import csv_series, enedis, senml
from cobenefit_backend.imports.records import Drafts, Target


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    SENML = "senml"
    ENEDIS = "enedis"


def guess(content: bytes) -> Format:
    """Return the format of a file by its first line.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    Format
        SenML where it starts as a JSON array, an Enedis export where its words stand, else CSV.
    """
    head = content[:2000].decode("utf-8", errors="replace").lstrip("\ufeff \r\n\t").lower()
    if head.startswith("["):
        return Format.SENML
    enedis_words = ("horodate", "identifiant prm", "début;", "debut;", "d\ufffdbut;")
    return Format.ENEDIS if any(word in head for word in enedis_words) else Format.CSV


def read(content: bytes, form: Format, target: Target, now_ms: int) -> Drafts:
    """Read a file of a format.

    Parameters
    ----------
    content : bytes
        The file.
    form : Format
        Its format.
    target : Target
        The series.
    now_ms : int
        What relative times of SenML count from. [ms]

    Returns
    -------
    Drafts
        What was found.

    Raises
    ------
    InputError
        If the file has not this format.
    """
    if form is Format.SENML:
        return senml.read(content, target, now_ms)
    return {Format.CSV: csv_series.read, Format.ENEDIS: enedis.read}[form](content, target)
