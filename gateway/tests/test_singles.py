"""Messages of one reading: each in its place, and known again when they come twice."""

from cobenefit_gateway.journal import Record
from cobenefit_gateway.state import MAX_SEEN

NOW_MS = 1_700_000_000_000
#: A midnight in UTC.
START_MS = 1_600_041_600_000


def test_fingerprints_are_saved_together_and_the_oldest_forgotten(pipeline):
    gateway = pipeline()
    names = [i.to_bytes(16) for i in range(2 * MAX_SEEN)]
    for part in (names[:1], names[1:700], names[700 : MAX_SEEN + 5], names[MAX_SEEN + 5 :]):
        assert not any(gateway.state.is_copy(name) for name in part)
        known = list(gateway.state.seen)
        gateway.checkpoint()
        gateway.reload()
        assert list(gateway.state.seen) == known


def test_single_readings_of_two_channels_by_turns_are_each_in_their_place(pipeline):
    gateway = pipeline()
    for k in range(5):
        gateway.take(
            *(
                Record("cb/v1/s/d/senml", _single(channel, unit, k, v).encode(), NOW_MS)
                for channel, unit, v in (
                    ("power_active_w", "W", k),
                    ("voltage_v", "V", 230 + k),
                    ("voltage_v", "kV", 1),
                    ("odour", "1", 1),
                )
            )
        )
    gateway.checkpoint(flush=True)
    counts = {place[0]: (row["count"], row["min"]) for place, row in gateway.rows().items()}
    assert counts == {"power_active_w": (5, 0.0), "voltage_v": (5, 230.0)}
    refused = {place[1:]: totals for place, totals in gateway.refused().items()}
    assert refused == {("voltage_v", "unit"): (5, 5), ("odour", "quantity"): (5, 5)}


def _single(channel, unit, k, v):
    return f'[{{"n":"{channel}","u":"{unit}","t":{START_MS // 1000 + 60 * k},"v":{v}}}]'
