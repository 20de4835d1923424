"""The tables of a report as one workbook, a sheet each, with headers that stay in view."""

import io
from datetime import UTC, datetime

import xlsxwriter  # type: ignore[import-untyped]

from cobenefit_backend.exports.tables import Table, tables
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import Language, Words

_WIDEST = 48
_NARROWEST = 8
#: Said to be the date of every workbook, so that the same report gives the same bytes.
_MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def workbook(report: Report, language: Language) -> bytes:
    """Return the tables of a report as an Office Open XML workbook.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Language of title and sheet names; the columns keep theirs, so that it can be read again.

    Returns
    -------
    bytes
        The file; the same report gives the same bytes.
    """
    words = Words.load(language)
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    book.set_properties(
        {
            "title": f"{report.names[language]} – {words('report')}",
            "author": report.names[language],
            "comments": words(
                "about_text",
                code=report.generated_from["code_version"],
                factors=report.generated_from["factor_set"]["version"],
                factors_sha=report.generated_from["factor_set"]["sha256"],
                data_sha=report.generated_from["data_sha256"],
            ),
            "created": _MADE,
        }
    )
    head = book.add_format({"bold": True, "bottom": 1})
    for table in tables(report):
        _sheet(book, table, words(f"sheet_{table.name}"), head)
    book.close()
    return out.getvalue()


def _sheet(book: xlsxwriter.Workbook, table: Table, name: str, head: object) -> None:
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)
    for column, title in enumerate(table.columns):
        sheet.write_string(0, column, title, head)
        longest = max((len(str(row[column])) for row in table.rows), default=0)
        sheet.set_column(column, column, min(max(longest, len(title), _NARROWEST) + 2, _WIDEST))
    for number, row in enumerate(table.rows, 1):
        for column, cell in enumerate(row):
            match cell:
                case None:
                    pass
                case bool():
                    sheet.write_boolean(number, column, cell)
                case int() | float():
                    sheet.write_number(number, column, cell)
                case _:
                    sheet.write_string(number, column, cell)
