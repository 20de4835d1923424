"""Bytes made by another implementation (pysparkplug 0.6.1, Apache-2.0), read by ours."""

import pytest

from cobenefit_gateway.adapters.sparkplug import metrics, rebirth, timestamp
from cobenefit_gateway.journal import Record
from cobenefit_wire.errors import WireError

T = 1_700_000_000_000
BIRTH = bytes.fromhex(
    "0880d095ffbc3112120a0562645365711880d095ffbc312004580012280a12496e707574732f54656d7065726174"
    "75726510011880d095ffbc31200a69000000000080354012200a0c4d657465722f456e6572677910021880d095ff"
    "bc3120085894b4e4f4cb0312180a074f75747369646510031880d095ffbc31200250f9ff0312170a05506f776572"
    "10041880d095ffbc312009650080664312180a054c6162656c10051880d095ffbc31200c7a0470756d701800"
)
DATA = bytes.fromhex(
    "08e0a499ffbc311212100118e0a499ffbc31690000000000403640120d100318e0a499ffbc3150f8ff0312121002"
    "18d0d698ffbc31280158f8b4e4f4cb03120b100418e0a499ffbc3138011801"
)
COMMAND = "0880d095ffbc3112210a144e6f646520436f6e74726f6c2f526562697274681880d095ffbc31200b7001"
CONFIG = """
[[adapter]]
kind = "sparkplug"
site = "plant"
[[adapter.field]]
name = "Inputs/Temperature"
channel = "air_temperature_degc"
[[adapter.field]]
name = "Outside"
channel = "air_temperature_degc_2"
[[adapter.field]]
name = "Meter/Energy"
channel = "energy_import_wh"
factor = 0.01
[[adapter.field]]
name = "Power"
channel = "power_active_w"
"""


def message(kind, payload, edge="Edge_1"):
    return Record(f"spBv1.0/group/{kind}/{edge}", payload, T + 61_000)


def readings(gateway):
    gateway.checkpoint(flush=True)
    return {
        key[0]: (row["count"], row["first"], row["last"]) for key, row in gateway.rows().items()
    }


def test_every_number_of_another_implementation_is_read():
    named = {m.name: m for m in metrics(BIRTH)}
    assert named["Inputs/Temperature"].value == 21.5
    assert named["Meter/Energy"].value == 123_456_789_012
    assert named["Power"].value == 230.5
    assert named["Label"].value is None
    assert timestamp(BIRTH) == T
    assert [m.value for m in metrics(DATA)] == [22.25, 65_528, 123_456_789_112, None]


def test_data_by_alias_after_a_birth_signed_scaled_and_at_their_own_times(pipeline):
    gateway = pipeline(CONFIG)
    gateway.take(message("NBIRTH", BIRTH), message("NDATA", DATA), message("NDATA", DATA))
    assert gateway.state.totals["duplicates"] == 1
    assert readings(gateway) == {
        "air_temperature_degc": (2, 21.5, 22.25),
        "air_temperature_degc_2": (2, -7, -8),
        "energy_import_wh": (2, pytest.approx(1_234_567_890.12), pytest.approx(1_234_567_891.12)),
        "power_active_w": (1, 230.5, 230.5),
    }
    assert ("plant", "edge-1", "power_active_w") in gateway.state.series


def test_births_survive_a_restart(pipeline):
    gateway = pipeline(CONFIG)
    gateway.take(message("NBIRTH", BIRTH))
    gateway.checkpoint()
    gateway.reload()
    gateway.take(message("NDATA", DATA))
    assert not gateway.refused()
    assert readings(gateway)["air_temperature_degc"] == (2, 21.5, 22.25)


def test_data_before_any_birth_are_kept_the_node_is_asked_and_a_replay_takes_them(pipeline):
    gateway = pipeline(CONFIG)
    gateway.take(message("NDATA", DATA))
    assert gateway.refused() == {("", "", "alias"): (0, 1)}
    assert gateway.state.rebirths == {("group", "Edge_1")}
    gateway.take(message("NBIRTH", BIRTH))
    gateway.checkpoint()
    spool_again(gateway)
    assert gateway.refused() == {("", "", "alias"): (0, 0)}
    assert readings(gateway)["air_temperature_degc"][0] == 2


def spool_again(gateway):
    from cobenefit_gateway.spool import Spool

    spool = Spool(gateway.config.data_dir / "gateway.db")
    assert spool.ask_again({"reason": "alias"}) == 1
    spool.close()
    gateway.intake.again(gateway.store.asked_again())
    gateway.checkpoint()


def test_the_command_for_a_rebirth_equals_another_implementation():
    assert rebirth("g", "e", T) == ("spBv1.0/g/NCMD/e", bytes.fromhex(COMMAND))


@pytest.mark.parametrize("cut", range(1, len(BIRTH), 7))
def test_a_payload_cut_anywhere_is_refused_or_read_never_worse(pipeline, cut):
    try:
        list(metrics(BIRTH[:cut]))
    except WireError as err:
        assert err.reason == "protobuf"


def test_deaths_and_commands_hold_no_reading(pipeline):
    gateway = pipeline(CONFIG)
    gateway.take(message("NDEATH", BIRTH), message("NCMD", BIRTH))
    assert not gateway.state.series
    assert not gateway.refused()
