"""Which file a name asks for."""

from collections.abc import Callable
from pathlib import PurePath

from cobenefit_backend.errors import InputError
from cobenefit_backend.exports.crate import crate
from cobenefit_backend.exports.csv_file import Dialect, csv_file
from cobenefit_backend.exports.pdf import pdf_file
from cobenefit_backend.exports.tables import (
    Table,
    data,
    factors,
    follow_up,
    mapping,
    operat,
    results,
    series,
)
from cobenefit_backend.exports.workbook import workbook
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import Language

TABLES: dict[str, Callable[[Report], Table]] = {
    "results": results, "follow_up": follow_up, "series": series, "data": data, "factors": factors,
    "operat": operat, "mapping": mapping,
}  # fmt: skip
DIALECTS: dict[Language, Dialect] = {"fr": "fr", "en": "rfc4180"}


def maker(name: str, language: Language) -> Callable[[Report], bytes]:
    """Return what makes the file that a name asks for.

    Parameters
    ----------
    name : str
        `*.pdf`, `*.xlsx`, `*.zip`, or one of the tables with `.csv`.
    language : {'en', 'fr'}
        Its language; of a CSV, its dialect.

    Returns
    -------
    callable
        Takes the report and returns the bytes of the file.

    Raises
    ------
    InputError
        The name asks for nothing there is.
    """
    path = PurePath(name)
    match path.suffix:
        case ".pdf":
            return lambda report: pdf_file(report, language)
        case ".xlsx":
            return lambda report: workbook(report, language)
        case ".zip":
            return crate
        case ".csv" if path.stem in TABLES:
            return lambda report: csv_file(TABLES[path.stem](report), DIALECTS[language])
    known = ", ".join(f"{table}.csv" for table in TABLES)
    raise InputError(f"{name!r}: give NAME.pdf, NAME.xlsx, NAME.zip or one of {known}")
