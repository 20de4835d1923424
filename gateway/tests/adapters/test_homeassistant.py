import json

from cobenefit_gateway.adapters.homeassistant import ENTITIES, Discovery
from cobenefit_wire import units

START_MS = 1_600_041_600_000


class Bus:
    def __init__(self, room=1000):
        self.sent, self.room = {}, room

    def __call__(self, topic, payload, retain):
        if not self.room:
            return False
        self.room -= 1
        assert retain
        self.sent[topic] = json.loads(payload)
        return True


def told(pipeline, *records, bus=None, text='[homeassistant]\nprefix = "homeassistant"\n'):
    gateway = pipeline(text)
    bus = bus or Bus()
    discovery = Discovery(gateway.config, bus)
    gateway.take(*(record(gateway) for record in records))
    gateway.state.settle()
    discovery.tell(gateway.state.changed())
    return gateway, discovery, bus.sent


def energy(seq, values):
    return lambda gateway: gateway.pack(seq, START_MS + seq * 600_000, values)


CONFIG = "homeassistant/sensor/cobenefit-s-d/energy_import_wh/config"
STATE = "cobenefit/s/d/energy_import_wh"


def test_a_counter_is_announced_and_its_value_published(pipeline):
    _, _, sent = told(pipeline, energy(0, [10, 20]))
    body = sent[CONFIG]
    assert body["state_topic"] == STATE
    assert body["unique_id"] == "cobenefit-s-d-energy_import_wh"
    assert (body["device_class"], body["unit_of_measurement"], body["state_class"]) == (
        "energy", "Wh", "total_increasing",
    )  # fmt: skip
    assert body["expire_after"] == 7200
    assert sent[STATE] == {"value": 20.0, "time": "2020-09-14T00:10:00.000+00:00"}


def test_a_flagged_jump_back_is_never_shown_there(pipeline):
    _, _, sent = told(pipeline, energy(0, [1000]), energy(1, [5]))
    assert sent[STATE]["value"] == 1000.0


def test_ratios_become_percent_and_have_no_rounding_noise(pipeline):
    def moisture(gateway):
        return gateway.pack(0, START_MS, [291], "soil_moisture_ratio", unit="/", exponent=-3)

    _, _, sent = told(pipeline, moisture)
    assert sent["cobenefit/s/d/soil_moisture_ratio"]["value"] == 29.1


def test_what_finds_no_room_follows_later(pipeline):
    bus = Bus(room=1)
    _, discovery, sent = told(pipeline, energy(0, [10]), bus=bus)
    assert STATE not in sent
    bus.room = 10
    discovery.tell(())
    assert sent[STATE]["value"] == 10.0


def test_off_without_a_prefix(pipeline):
    assert told(pipeline, energy(0, [1]), text="")[2] == {}


def test_every_quantity_that_has_a_latest_value_has_an_entity():
    named = {name for name, q in units.QUANTITIES.items() if q.kind != units.EVENT}
    assert named == set(ENTITIES)


def test_passages_are_left_out(pipeline):
    def speed(gateway):
        return gateway.pack(0, START_MS, [50], "vehicle_speed_km_h")

    assert told(pipeline, speed)[2] == {}
