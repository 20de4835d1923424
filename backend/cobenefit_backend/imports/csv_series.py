"""Our own CSV: `start`, `end`, `value`, `unit`; both dialects, any order of lines and columns.

An empty `end`, or none, makes the line an instant. `offset` may stand in a column of its own.
"""

from cobenefit_backend.errors import InputError
from cobenefit_backend.imports.records import Draft, Drafts, Refusal, Target
from cobenefit_backend.imports.table import Placer, lines, moment, number

COLUMNS = ("start", "end", "offset", "value", "unit", "site", "device", "channel")
REQUIRED = {"start", "value", "unit"}


def read(content: bytes, target: Target) -> Drafts:
    """Read a file.

    Parameters
    ----------
    content : bytes
        The file.
    target : Target
        The series; a line that names another is refused.

    Returns
    -------
    Drafts
        What was found.

    Raises
    ------
    InputError
        If a column is missing.
    """
    rows = lines(content)
    header = [name.lower() for name in next(rows, (0, [""]))[1]]
    if missing := REQUIRED - set(header):
        raise InputError(
            f"no column {', '.join(sorted(missing))}; takes {', '.join(COLUMNS)}", where="line 1"
        )
    placers, found = (Placer(target.timezone), Placer(target.timezone)), Drafts([], [])
    for at, cells in rows:
        row = dict(zip(header, cells, strict=False))
        named = {name: row.get(name) or getattr(target, name) for name in COLUMNS[5:]}
        if other := [v for name, v in named.items() if v != getattr(target, name)]:
            found.refused.append(Refusal(at, "import_other_series", f"is of {', '.join(other)}"))
            continue
        try:
            found.drafts.append(_draft(at, row, *placers))
        except (ValueError, KeyError) as error:
            found.refused.append(Refusal(at, "import_unreadable", str(error)))
    return found


def _draft(at: int, row: dict[str, str], starts: Placer, ends: Placer) -> Draft:
    offset = row.get("offset", "")
    start_ms = starts.to_ms(moment(row["start"], offset))
    end = row.get("end", "")
    end_ms = ends.to_ms(moment(end, offset)) if end else start_ms
    return Draft(at, start_ms, end_ms, number(row["value"]), row["unit"])
