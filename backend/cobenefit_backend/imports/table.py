"""The lines of a CSV file in either dialect, with their numbers; a bad line is not the end."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from cobenefit_backend.errors import InputError

_FORMS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Give the lines of a file that are not empty.

    Parameters
    ----------
    content : bytes
        UTF-8 with or without a byte order mark, else Windows-1252; `;` or `,` between cells.

    Yields
    ------
    tuple of int and list of str
        Number of the line from 1, and its cells, trimmed. [1]
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    separator = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            trimmed = [cell.strip() for cell in cells]
            if any(trimmed):
                yield reader.line_num, trimmed
    except csv.Error as error:
        raise InputError(f"no CSV: {error}", where=f"line {reader.line_num}") from error


def number(text: str) -> float:
    """Return a number written with a decimal point or comma; ValueError otherwise. [1]."""
    plain = text.replace("\u202f", "").replace("\xa0", "").replace(" ", "")
    return float(plain.replace(",", ".") if "." not in plain else plain)


def moment(text: str, offset: str = "") -> datetime:
    """Return a time as written; ValueError where it is none.

    Parameters
    ----------
    text : str
        ISO 8601, or day/month/year as French spreadsheets write it.
    offset : str, optional
        Offset from UTC in a column of its own, such as `+02:00`.

    Returns
    -------
    datetime
        With its offset, or none where none is written.
    """
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  `to_ms` places it
        except ValueError:
            continue
    found = datetime.fromisoformat(text)
    return datetime.fromisoformat(found.isoformat() + offset) if found.tzinfo is None else found


class Placer:
    """Puts times without an offset into a zone; of an hour that comes twice, the second is later.

    Parameters
    ----------
    timezone : str
        IANA name.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._seen: set[datetime] = set()

    def to_ms(self, when: datetime) -> int:
        """Return a Unix time; ValueError for an hour that the clocks skip. [ms]."""
        if when.tzinfo is not None:
            return round(when.timestamp() * 1000)
        fold = int(when in self._seen)
        self._seen.add(when)
        placed = when.replace(tzinfo=self._zone, fold=fold)
        t_ms = round(placed.timestamp() * 1000)
        back = datetime.fromtimestamp(t_ms / 1000, self._zone).replace(tzinfo=None, fold=0)
        if back != when:
            raise ValueError("the clocks skip this time")
        return t_ms
