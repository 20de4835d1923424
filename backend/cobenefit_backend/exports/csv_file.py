r"""A table as CSV in two dialects, and back: RFC 4180, and the one of French spreadsheets.

>>> from cobenefit_backend.exports.tables import Table
>>> made = Table("t", ("study", "net"), (("école; 1", 1.5),))
>>> csv_file(made, "fr").decode("utf-8-sig")
'study;net\r\n"école; 1";1,5\r\n'
>>> read(csv_file(made, "fr")) == (("study", "net"), [["école; 1", "1.5"]])
True
"""

import csv
import io
from dataclasses import dataclass
from typing import Literal

from cobenefit_backend.errors import InputError
from cobenefit_backend.exports.tables import Cell, Table

Dialect = Literal["rfc4180", "fr"]
#: A spreadsheet takes a text that starts so for a formula; an apostrophe before it prevents that.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class _Form:
    separator: str
    decimal: str
    encoding: str


_FORMS: dict[Dialect, _Form] = {
    "rfc4180": _Form(",", ".", "utf-8"),
    "fr": _Form(";", ",", "utf-8-sig"),
}


def csv_file(table: Table, dialect: Dialect = "rfc4180") -> bytes:
    """Return a table as CSV.

    Parameters
    ----------
    table : Table
        The table.
    dialect : {'rfc4180', 'fr'}, optional
        RFC 4180 (Shafranovich, 2005) in UTF-8; or `;`, decimal comma and a byte order mark.

    Returns
    -------
    bytes
        The file; no value is rounded, an unknown one is empty.
    """
    form = _FORMS[dialect]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.separator, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows([_written(cell, form) for cell in row] for row in table.rows)
    return out.getvalue().encode(form.encoding)


def _written(cell: Cell, form: _Form) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float():
            return repr(cell).replace(".", form.decimal)
        case int():
            return str(cell)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def read(content: bytes) -> tuple[tuple[str, ...], list[list[str]]]:
    """Read either dialect.

    Parameters
    ----------
    content : bytes
        A file that `csv_file` made, or one of the same shape.

    Returns
    -------
    tuple
        Column names, and rows of texts; numbers with a decimal point.

    Raises
    ------
    InputError
        Not UTF-8, no header, or a row of another length, with its line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error}") from error
    first = text.partition("\n")[0]
    form = _FORMS["fr" if ";" in first else "rfc4180"]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.separator)
    header = tuple(next(reader, ()))
    if not header:
        raise InputError("the file is empty: its first line must name the columns")
    rows = []
    for row in reader:
        if len(row) != len(header):
            where = f"line {reader.line_num}"
            raise InputError(f"{len(row)} cells under {len(header)} columns", where=where)
        rows.append([_plain(cell, form) for cell in row])
    return header, rows


def _plain(cell: str, form: _Form) -> str:
    if cell.startswith("'") and cell[1:].startswith(_FORMULA):
        return cell[1:]
    if form.decimal == ",":
        number = cell.replace(",", ".")
        try:
            float(number)
        except ValueError:
            return cell
        return number
    return cell
