"""Copies are known whichever version remembered the first of them, and others are no copies."""

import pytest

from cobenefit_gateway.copies import earlier_fingerprint, fingerprint
from cobenefit_gateway.journal import RAW, REPEATED, RETAINED, Record
from cobenefit_gateway.state import SEEN_BYTES

NOW_MS = 1_700_000_000_000
TOPIC = "cb/v1/s/d/senml"
PAYLOAD = b'[{"bn":"power_active_w","bu":"W","t":1600041600,"v":1},{"t":1600041610,"v":2}]'


def test_a_message_is_known_by_topic_and_payload_alone():
    said = Record(TOPIC, PAYLOAD, NOW_MS)
    same = Record(TOPIC, PAYLOAD, NOW_MS + 5, REPEATED)
    assert fingerprint(said) == fingerprint(same)
    assert len(fingerprint(said)) == SEEN_BYTES
    others = Record(TOPIC + "x", PAYLOAD, NOW_MS), Record(TOPIC, PAYLOAD + b" ", NOW_MS)
    assert len({fingerprint(x) for x in (said, *others)}) == 3


@pytest.mark.parametrize("kind", [REPEATED, RETAINED])
def test_what_an_earlier_version_took_is_not_taken_again(pipeline, kind):
    gateway = pipeline()
    assert not gateway.state.is_copy(earlier_fingerprint(Record(TOPIC, PAYLOAD, NOW_MS)))
    gateway.checkpoint()
    gateway.reload()
    for _ in range(2):
        gateway.take(Record(TOPIC, PAYLOAD, NOW_MS, kind))
    assert gateway.state.totals["readings"] == 0
    assert gateway.state.totals["duplicates"] == 2


def test_what_an_earlier_version_remembered_makes_no_other_message_a_copy(pipeline):
    gateway = pipeline()
    gateway.state.is_copy(earlier_fingerprint(Record(TOPIC, PAYLOAD, NOW_MS)))
    later = PAYLOAD.replace(b"16000416", b"16000426")
    for kind in (RAW, REPEATED):
        gateway.take(Record(TOPIC, later, NOW_MS, kind))
    assert gateway.state.totals["readings"] == 2
    assert gateway.state.totals["duplicates"] == 1
