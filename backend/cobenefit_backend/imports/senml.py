"""SenML in JSON (RFC 8428): records of one name, each an instant."""

import json

from cobenefit_backend.errors import InputError
from cobenefit_backend.imports.records import Draft, Drafts, Refusal, Target
from cobenefit_wire import senml
from cobenefit_wire.errors import WireError


def read(content: bytes, target: Target, now_ms: int = 0) -> Drafts:
    """Read a file.

    Parameters
    ----------
    content : bytes
        A SenML array.
    target : Target
        The series. Records whose name ends with its channel are taken; if all records have one
        and the same name, that name may be any.
    now_ms : int, optional
        What relative times count from. [ms]

    Returns
    -------
    Drafts
        What was found; numbers count records.

    Raises
    ------
    InputError
        If it is no SenML.
    """
    try:
        records = senml.resolve(json.loads(content), now_ms)
    except WireError as error:
        raise InputError(f"no SenML with numbers only (RFC 8428): {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON: {error}") from error
    only = len({record.name for record in records}) == 1
    found = Drafts([], [])
    for at, record in enumerate(records, 1):
        if not only and not record.name.endswith(target.channel):
            text = f"is of {record.name[:80]!r}"
            found.refused.append(Refusal(at, "import_other_series", text))
            continue
        unit = record.unit or target.quantity.unit
        found.drafts.append(Draft(at, record.t_ms, record.t_ms, float(record.value), unit))
    return found
