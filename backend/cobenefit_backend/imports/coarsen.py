"""Takes out of imports the samples of a household that are finer than it agrees to now.

What such samples made of a whole day stays with the import, as the window of that day: an undo
takes it out, another commit lays it again. So the store is still what was measured with the
committed imports over it, to the resolution that may remain.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend.consents import DAY_S, Meter
from cobenefit_backend.database import owned
from cobenefit_backend.imports.agreed import told_s
from cobenefit_backend.imports.batches import target_of
from cobenefit_backend.imports.records import Sample, Target
from cobenefit_backend.imports.restate import days_of, packed, samples_of
from cobenefit_backend.imports.windows import windows

Row = dict[str, Any]
Keeps = Callable[[int, int], bool]
"""Whether something that starts then [ms] and is so long [s] may be kept."""
_BATCHES = owned("SELECT * FROM {import_batch} WHERE site = :site AND device = :device")
_DOCUMENT = owned("SELECT document FROM {study_document}")
_SET = text(
    "UPDATE import_batch SET samples = :samples, summary = :summary, refused = :refused "
    "WHERE tenant = :tenant AND id = :id"
)


def coarsen(connection: Connection, tenant: str, meter: Meter, keeps: Keeps) -> int:
    """Leave in the imports of a household's meter only what may be kept.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose.
    meter : tuple of str
        Site and device; in the study document, as every meter of a household is.
    keeps : callable
        What may be kept.

    Returns
    -------
    int
        Samples taken out. [1]
    """
    names = {"tenant": tenant, "site": meter[0], "device": meter[1]}
    taken = 0
    for row in connection.execute(_BATCHES, names).mappings().all():
        batch = dict(row)
        samples = samples_of(batch)
        told = zip(samples, told_s(samples), strict=True)
        kept = [sample for sample, length_s in told if keeps(sample.start_ms, length_s)]
        if len(kept) == len(samples):
            continue
        document = connection.execute(_DOCUMENT, names).scalar_one().encode()
        target = target_of(document, *meter, batch["channel"])
        days = _days(batch, samples, target, keeps)
        connection.execute(_SET, {**names, "id": batch["id"], **_shorter(batch, kept, days)})
        taken += len(samples) - len(kept)
    return taken


def _days(batch: Row, samples: Sequence[Sample], target: Target, keeps: Keeps) -> list[Row]:
    """Return the days of an import: those kept before, which had more samples, come first."""
    made = windows(samples, target.quantity.kind, target.timezone)
    found = {day["start_ms"]: day for day in made if day["length_s"] >= DAY_S}
    found |= {day["start_ms"]: day for day in days_of(batch)}
    return [found[t_ms] for t_ms in sorted(found) if keeps(t_ms, found[t_ms]["length_s"])]


def _shorter(batch: Row, kept: Sequence[Sample], days: Sequence[Row]) -> Row:
    """Return what changes of an import; the text of a refused line may say a value: it goes."""
    ends = {"first": kept[0]._asdict(), "last": kept[-1]._asdict()} if kept else {}
    summary = {**json.loads(batch["summary"]), "first": None, "last": None, **ends}
    summary |= {"values": len(kept), "days_without_values": len(days)}
    refused = {**json.loads(batch["refused"]), "lines": []}
    return {
        "samples": packed(kept, days),
        "summary": json.dumps(summary),
        "refused": json.dumps(refused),
    }
