"""The bytes a node says it moved are those that a relay in front of the broker has counted."""

import socket
import threading

import pytest

from cobenefit_hil.authority import NAME, tls_broker
from cobenefit_hil.plugin import DEVICE, SITE
from cobenefit_hil.station import AckStation
from cobenefit_wire import messages, topics

pytestmark = [pytest.mark.hil, pytest.mark.broker, pytest.mark.needs("uart", "simulated_time")]


class Relay:
    """A TCP relay to a port on loopback that counts what goes each way."""

    def __init__(self, port):
        self.sent = self.received = 0
        self._pumps, self._ends = [], []
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def close(self):
        """Carry what is under way, then close; both sides have hung up."""
        for pump in self._pumps:
            pump.join(30)
            assert not pump.is_alive(), "a connection is still open"
        for end in self._ends:
            end.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _spawn(self, *work):
        thread = threading.Thread(target=work[0], args=work[1:], daemon=True)
        thread.start()
        return thread

    def _accept(self):
        while True:
            try:
                node, _ = self._listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [node, broker]
            self._pumps += [
                self._spawn(self._pump, node, broker, "sent"),
                self._spawn(self._pump, broker, node, "received"),
            ]

    def _pump(self, source, sink, name):
        try:
            while data := source.recv(65_536):
                setattr(self, name, getattr(self, name) + len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the other side has hung up; so do we


@pytest.fixture
def broker(tmp_path, program):
    service, plain, tls = tls_broker(tmp_path, program("mosquitto"))
    with service:
        service.plain_port, service.tls_port = plain, tls
        yield service


@pytest.fixture
def ack_station(broker):
    with AckStation(broker.plain_port) as station:
        yield station


@pytest.mark.parametrize(("secure", "error"), [(False, 0.0), (True, 0.02)], ids=["plain", "tls"])
def test_the_ledger_has_the_bytes_of_the_socket(  # noqa: PLR0917 fixtures
    board, broker, node_config, ack_station, tmp_path, secure, error
):
    relay = Relay(broker.tls_port if secure else broker.plain_port)
    node_config["broker"]["port"] = relay.port
    if secure:
        ca = str(tmp_path / "ca.der")
        node_config["broker"]["tls"] = {"ca": ca, "server_hostname": NAME}
    board.flash(node_config)
    board.boot()
    assert board.wait(100) == 0, board.console()
    said = ack_station.last_health()
    relay.close()
    record = 29 if secure else 0
    # After its last ledger a node sends that, its goodbye and DISCONNECT, and gets two PUBACKs.
    after_tx = 2 + 3 * record
    for leaf, message in (("health", said), ("state", ack_station.states[-1])):
        payload = messages.encode(message)
        body = 4 + len(topics.build(SITE, DEVICE, leaf)) + len(payload)
        after_tx += body + (2 if body < 128 else 3)
    after_rx = 2 * (4 + record)
    assert said.tx_bytes + after_tx == pytest.approx(relay.sent, rel=error, abs=0)
    # An ack or two may come between the ledger and the goodbye.
    assert said.rx_bytes + after_rx == pytest.approx(relay.received, rel=error, abs=120)
