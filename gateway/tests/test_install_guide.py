"""The broker's files in the installation guide, as printed there, in a real mosquitto."""

import re
import ssl
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cobenefit_hil.authority import NAME, tls_broker
from cobenefit_hil.services import Service, free_port

GUIDE = Path(__file__).parents[2] / "docs/howto/install-on-a-raspberry-pi.md"
BLOCKS = [
    text
    for language, text in re.findall(
        r"^```(\w*)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    if not language
]


def block(start):
    (found,) = (text for text in BLOCKS if text.startswith(start))
    return found


@pytest.fixture
def broker(tmp_path, program):
    mosquitto, passwd = program("mosquitto"), program("mosquitto_passwd")
    tls_broker(tmp_path, mosquitto)  # for its certificates
    ca = x509.load_der_x509_certificate((tmp_path / "ca.der").read_bytes())
    (tmp_path / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    port = free_port()
    text = block("per_listener_settings")
    text = text.replace("/etc/mosquitto/certs/server.crt", f"{tmp_path}/server.pem")
    text = text.replace("/etc/mosquitto/certs/server.key", f"{tmp_path}/server.key")
    text = text.replace("/etc/mosquitto/", f"{tmp_path}/")
    text = text.replace("listener 8883", f"user root\nlistener {port} 127.0.0.1")
    (tmp_path / "guide.conf").write_text(f"{text}persistence_location {tmp_path}/\n")
    (tmp_path / "access").write_text(block("user gateway"))
    (tmp_path / "passwords").touch()
    for name in ("gateway", "lille.meter-7"):
        subprocess.run(
            [passwd, "-b", tmp_path / "passwords", name, f"secret of {name}"],
            check=True, capture_output=True,
        )  # fmt: skip
    command = [mosquitto, "-c", str(tmp_path / "guide.conf")]
    with Service("broker", command, tmp_path / "broker.log", port=port) as service:
        service.ca = tmp_path / "ca.pem"
        yield service


class Client:
    """A client that verifies the broker by its name, as nodes do."""

    def __init__(self, broker, name, password=None):
        self.got, self.news, self.reason = [], threading.Event(), None
        context = ssl.create_default_context(cafile=broker.ca)
        wrap = context.wrap_socket
        context.wrap_socket = lambda sock, **more: wrap(sock, **{**more, "server_hostname": NAME})
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.tls_set_context(context)
        self.client.username_pw_set(name, password or f"secret of {name}")
        self.client.on_connect = self._connected
        self.client.on_message = lambda _c, _u, m: self.got.append(m.topic)
        self.client.on_subscribe = lambda *_: self.news.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self.news.wait(60)
        self.news.clear()

    def _connected(self, _client, _userdata, _flags, reason, _properties):
        self.reason = reason
        self.news.set()

    def subscribe(self, topic):
        self.client.subscribe(topic, 1)
        assert self.news.wait(60)

    def say(self, *topics):
        for topic in topics:
            self.client.publish(topic, b"x", 1).wait_for_publish(60)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.broker
def test_a_device_may_touch_its_own_branch_and_no_other(broker):
    gateway, node = Client(broker, "gateway"), Client(broker, "lille.meter-7")
    stranger = Client(broker, "lille.meter-7", "wrong")
    assert stranger.reason.is_failure
    gateway.subscribe("cb/v1/+/+/up/#")
    node.subscribe("cb/v1/lille/meter-7/ack")
    own, other = "cb/v1/lille/meter-7/up/voltage_v", "cb/v1/lille/meter-8/up/voltage_v"
    node.say(other, own)
    gateway.say("cb/v1/lille/meter-7/up/voltage_v", "cb/v1/lille/meter-7/ack")
    end = threading.Event()
    for _ in range(1200):
        if gateway.got and node.got:
            break
        end.wait(0.05)
    assert gateway.got == [own]
    assert node.got == ["cb/v1/lille/meter-7/ack"]
    for client in (gateway, node, stranger):
        client.close()
