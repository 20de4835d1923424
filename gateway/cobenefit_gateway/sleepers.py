"""Until when a node has said it sleeps: before then its silence means nothing.

For the operator's eyes only; the intake judges the same messages for itself. It must do no I/O.
"""

from collections.abc import Iterable

from cobenefit_gateway.journal import RETAINED, Record
from cobenefit_wire import messages, topics
from cobenefit_wire.errors import WireError


def announced(records: Iterable[Record]) -> dict[tuple[str, str], int]:
    """Return when nodes want to be back, as their latest `state` says.

    Parameters
    ----------
    records : iterable of Record
        Any messages, in the order they came; what is no state, or a bad one, is passed over.

    Returns
    -------
    dict
        Time of waking by site and device, 0 for one that is awake. [Unix ms]
    """
    found = {}
    for record in records:
        # Nobody knows when a retained one was said, so neither when its sender is back.
        if not record.topic.endswith("/state") or record.kind == RETAINED:
            continue
        try:
            topic, said = topics.parse(record.topic), messages.decode_state(record.payload)
        except WireError:  # refused by the intake, with its reason
            continue
        back_ms = record.received_ms + said.asleep_s * 1000
        found[topic.site, topic.device] = back_ms if said.asleep_s else 0
    return found
