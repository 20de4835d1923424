"""What is retained at a real broker is found, also by a broker that takes its time."""

import signal
import threading

import pytest

from cobenefit_boards.ota_broker import Broker, connected, retained, send
from cobenefit_hil.services import Service, broker_command, free_port


@pytest.fixture
def broker(tmp_path):
    port = free_port()
    with Service("broker", broker_command(port, tmp_path), tmp_path / "b.log", port=port) as it:
        yield it


def test_a_broker_that_answers_late_is_waited_for(broker):
    kept = {f"a/{n}": b"%d" % n for n in range(3)}
    with connected(Broker("127.0.0.1", broker.port)) as client:
        send(client, kept)
        broker.process.send_signal(signal.SIGSTOP)
        late = threading.Timer(1.0, broker.process.send_signal, (signal.SIGCONT,))
        late.start()
        assert retained(client, ["a/#"]) == kept
        late.join()
