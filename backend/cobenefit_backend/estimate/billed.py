"""The answer for one meter known by its bills: model, savings and every reason to doubt them."""

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import smart_meter
from cobenefit_backend.estimate.accuracy import accuracy_records, with_accuracy
from cobenefit_backend.estimate.baseline import Fuel
from cobenefit_backend.estimate.billing import fit, savings
from cobenefit_backend.estimate.bills import Bills
from cobenefit_backend.estimate.meter_records import comparison_records, records_of
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.estimate.slope_gate import slope_records

Limits = tuple[float | None, float | None]


def billed(
    edges: NDArray[np.datetime64],
    bills: Bills,
    fuel: Fuel,
    before: tuple[date, date],
    after: tuple[date, date],
    *,
    limits: Limits = (None, None),
) -> dict[str, Any]:
    """Fit a billing baseline and state the savings.

    Parameters
    ----------
    edges : ndarray of datetime64[D], shape (n + 1,)
        First day of each bill, and the day after the last one.
    bills : Bills
        Bills of one meter.
    fuel : {'electricity', 'gas'}
        Fuel.
    before, after : tuple of date
        First day and day after the last of the baseline and of the reporting period; a bill
        counts where all its days lie inside.
    limits : tuple of float or None
        Limit of error of the meter, and of the one before it where it is another one. [1]

    Returns
    -------
    dict
        As `smart_meter.describe`, with `baseline_bills`, class, label and records.
    """
    first, second = within(edges, bills, *before), within(edges, bills, *after)
    fitted = fit(first, fuel)
    limit, previous = limits
    assumed = smart_meter.WEAKEST_LIMIT[fuel] if limit is None else limit
    saved = with_accuracy(savings(fitted, second), assumed, previous)
    known = bool(fitted.bills[0] and saved.valid_days[0])
    return {
        **smart_meter.describe(fitted.models, saved),
        "baseline_bills": int(fitted.bills[0]),
        "evidence_class": "E" if known else "N",
        "label": "pre/post, no control",
        "disqualifications": [
            *_left_out(int(fitted.left_out[0])),
            *records_of(fitted.models, saved),
            *slope_records(fitted.models),
            *accuracy_records(limit),
            *comparison_records(None),
        ],
    }


def within(edges: NDArray[np.datetime64], bills: Bills, start: date, end: date) -> Bills:
    """Return the bills of one meter that lie inside a period.

    Parameters
    ----------
    edges : ndarray of datetime64[D], shape (n + 1,)
        First day of each bill, and the day after the last one.
    bills : Bills
        Bills of one meter.
    start, end : date
        First day, and the day after the last.

    Returns
    -------
    Bills
        Perhaps none.
    """
    first = int(np.searchsorted(edges, np.datetime64(start), side="left"))
    last = int(np.searchsorted(edges, np.datetime64(end), side="right")) - 1
    last = max(last, min(first, len(edges) - 1))
    first = min(first, last)
    return Bills(
        bills.energy_kwh[:, first:last],
        bills.edge_day[:, first : last + 1],
        bills.temperature_degc,
    )


def _left_out(count: int) -> tuple[Disqualification, ...]:
    if not count:
        return ()
    text = "Bills of unfit length, or with temperatures missing, are left out of the baseline."
    return (Disqualification("bills_left_out", text, {"bills": count}),)
