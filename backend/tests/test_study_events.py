"""Events and accuracy classes of a study document are checked before anything is computed."""

import json

import pytest

from cobenefit_backend import study
from cobenefit_backend.errors import InputError

EVENT = {
    "start": "2024-07-01", "end": "2024-07-15", "kind": "works", "treatment": "adjust",
    "evidence": "invoice 12", "author": "J. Martin", "devices": ["school"],
}  # fmt: skip


def parse(document, **event):
    document["study"][0]["event"] = [EVENT | event]
    return study.parse(json.dumps(document).encode(), file="demo.json")


def test_a_dated_event_with_its_evidence_is_kept(study_document):
    (event,) = parse(study_document).study[0].event
    assert (event.days[1] - event.days[0]).days == 14


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": "2024-07-01"}, "event 1.end.*must lie after the start"),
        ({"start": "July"}, "event 1.start, end.*YYYY-MM-DD"),
        ({"start": "2030-01-01", "end": "2030-02-01"}, "outside the baseline and the reporting"),
        ({"devices": ["toaster"]}, "event 1.devices.*no device of this study: toaster"),
        ({"evidence": ""}, "evidence|length"),
        ({"author": ""}, "author|length"),
        ({"kind": "weather"}, "weather"),
        ({"treatment": "ignore"}, "ignore"),
    ],
)
def test_what_does_not_hold_is_named(study_document, change, message):
    with pytest.raises(InputError, match=message):
        parse(study_document, **change)


def test_an_unknown_class_is_refused_with_the_known_ones(study_document):
    study_document["device"][0]["accuracy"] = "mid_x"
    with pytest.raises(InputError, match=r"device school.accuracy.*unknown class 'mid_x'.*mid_a"):
        parse(study_document)
    study_document["device"][0]["accuracy"] = "mid_c"
    study_document["study"][0]["previous_accuracy"] = "old"
    with pytest.raises(InputError, match=r"previous_accuracy.*unknown class 'old'"):
        parse(study_document)
