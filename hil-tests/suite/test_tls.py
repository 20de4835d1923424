"""TLS to a real mosquitto: chain and name are verified before anything is said."""

import pytest
from cryptography.hazmat.primitives import serialization

from cobenefit_hil.authority import NAME, authority, tls_broker
from cobenefit_hil.plugin import INSTANTS
from cobenefit_hil.station import AckStation

pytestmark = [
    pytest.mark.hil,
    pytest.mark.broker,
    pytest.mark.needs("uart", "simulated_time"),
]


@pytest.fixture
def broker(tmp_path, program):
    """A broker with a TLS port for the node and a plain one for the station."""
    service, plain, _ = tls_broker(tmp_path, program("mosquitto"))
    with service:
        service.plain_port = plain
        yield service


@pytest.fixture
def ack_station(broker):
    with AckStation(broker.plain_port) as station:
        yield station


def _tls(node_config, tmp_path, name=NAME, ca="ca.der"):
    settings = {"ca": str(tmp_path / ca), "server_hostname": name}
    node_config["broker"]["tls"] = settings
    return node_config


def test_readings_arrive_over_verified_tls(board, node_config, ack_station, tmp_path):
    board.flash(_tls(node_config, tmp_path))
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert len(ack_station.readings()) == 2 * INSTANTS


def test_a_broker_of_another_name_is_refused(board, node_config, ack_station, tmp_path):
    board.flash(_tls(node_config, tmp_path, name="other.rig"))
    board.boot()
    refused = lambda: "does not match" in board.console()  # noqa: E731
    assert ack_station.wait(refused, 60), board.console()
    assert not ack_station.packs
    assert not ack_station.states


def test_a_broker_of_another_authority_is_refused(board, node_config, ack_station, tmp_path):
    der = authority()[1].public_bytes(serialization.Encoding.DER)
    (tmp_path / "other.der").write_bytes(der)
    board.flash(_tls(node_config, tmp_path, ca="other.der"))
    board.boot()
    refused = lambda: "not correctly signed" in board.console()  # noqa: E731
    assert ack_station.wait(refused, 60), board.console()
    assert not ack_station.states
