"""A session of a client that others wrote: frost-sta-client of Fraunhofer IOSB."""

import frost_sta_client as fsc
import pytest
import requests
from requests.auth import AuthBase

# The client itself uses what a library of its has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:furl.pathstr is deprecated:DeprecationWarning")
SCHOOL = "town.school.energy_import_wh.day"


class Key(AuthBase):
    """Adds our key to a request."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request):
        request.headers["Authorization"] = self.key
        return request


class KeyHandler(fsc.AuthHandler):
    """What the client asks for: an object that gives it the authentication of a request."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def add_auth_header(self):
        return Key(self.key)


@pytest.fixture
def service(served, key_of):
    return fsc.SensorThingsService(served, auth_handler=KeyHandler(f"Bearer {key_of('demo')}"))


def test_things_and_what_they_lead_to(service):
    things = service.things().query().count().list()
    assert things.count == 4
    assert {thing.name for thing in things} == {"school", "house", "road", "probe"}
    school = service.things().find("town.school")
    streams = list(school.get_datastreams().query().list())
    assert [stream.id for stream in streams] == [SCHOOL, "town.school.energy_import_wh.window"]
    assert streams[0].unit_of_measurement.definition == "ucum:W.h"


def test_observations_are_paged_to_the_last_each_once(service):
    stream = service.datastreams().find(SCHOOL)
    listed = stream.get_observations().query().top(150).count().list()
    times = [each.phenomenon_time for each in listed]
    assert listed.count == 400 - 17 == len(times) == len(set(times))
    assert times == sorted(times)


def test_a_month_by_time(service):
    query = service.datastreams().find(SCHOOL).get_observations().query()
    month = "phenomenonTime ge 2024-03-01T00:00:00+01:00"
    wanted = f"{month} and phenomenonTime lt 2024-04-01T00:00:00+02:00"
    found = list(query.filter(wanted).list())
    assert len(found) == 31
    assert found[0].phenomenon_time.startswith("2024-02-29T23:00:00")
    assert all(each.result > 0 and each.parameters["coverage_ratio"] == 1 for each in found)


def test_the_latest_of_every_thing_in_one_request(service):
    latest = "Datastreams($expand=Observations($orderby=phenomenonTime desc;$top=1))"
    for thing in service.things().query().expand(latest).list():
        for stream in thing.datastreams:
            (observation,) = stream.observations.entities
            newest = service.datastreams().find(stream.id).get_observations().query()
            assert (
                observation.id == newest.orderby("phenomenonTime", "DESC").top(1).list().get(0).id
            )


def test_what_is_not_there_is_said(service):
    with pytest.raises(requests.HTTPError, match="404"):
        service.things().find("town.nobody")
    with pytest.raises(requests.HTTPError, match="501"):
        service.things().query().filter("startswith(name,'s')").list()
