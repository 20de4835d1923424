"""The virtual radio refuses what the chip refuses; the air does what it is told."""

import subprocess
import time
from pathlib import Path

import cobenefit_hil
from cobenefit_hil.air import Air
from cobenefit_hil.virtual.board import interpreter

HERE = Path(cobenefit_hil.__file__).parent / "virtual"
LIMITS = """
import time, network, espnow
def refused(call, *args):
    try:
        call(*args)
    except OSError as err:
        return err.args[1]
now = espnow.ESPNow()
me, far = b"\\2\\0\\0\\0\\0\\1", b"\\2\\0\\0\\0\\0\\xff"
print(refused(now.add_peer, far))
now.config(rxbuf=700)
now.active(True)
now.add_peer(me)
print(refused(now.send, me, b"x", False))
network.WLAN(0).active(True)
network.WLAN(0).config(channel=6)
print(refused(now.send, far, b"x", False))
print(refused(now.send, me, bytes(251), False))
print(refused(now.add_peer, me))
print([refused(now.add_peer, bytes([2, n, 0, 0, 0, 0]), bytes(16)) for n in range(1, 8)][5:])
print([refused(now.add_peer, bytes([4, n, 0, 0, 0, 0])) for n in range(1, 15)][12:])
for n in range(4):
    now.send(me, bytes([n]) * 250, False)
while now.stats()[3] + now.stats()[4] < 4:
    now.any()
    time.sleep_ms(5)
mac, frame = now.irecv(0)
print(now.stats()[3:], frame == bytes(250), mac)
"""


LISTEN = """
import time, network, espnow
network.WLAN(0).active(True)
network.WLAN(0).config(channel=6)
now = espnow.ESPNow()
now.active(True)
now.add_peer(b"\\2\\0\\0\\0\\0\\2", bytes(16))
heard = []
while b"end" not in heard:
    if now.any():
        heard.append(bytes(now.irecv(0)[1]))
    time.sleep_ms(5)
print(heard)
"""
OWN, FAR = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"


def micropython(script, air, tmp_path):
    lines = {f"COBENEFIT_{k}": v for k, v in air.station(OWN.hex()).items()}
    return subprocess.Popen(
        [interpreter(), "-c", script],
        cwd=tmp_path,
        env={"MICROPYPATH": str(HERE), **lines},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_radio_has_the_limits_of_the_chip(tmp_path):
    with Air() as air:
        said, _ = micropython(LIMITS, air, tmp_path).communicate(timeout=100)
    names = ["NOT_INIT", "IF", "NOT_FOUND", "ARG", "EXIST"]
    expected = [f"ESP_ERR_ESPNOW_{name}" for name in names]
    full = "[None, 'ESP_ERR_ESPNOW_FULL']"
    expected += [full, full, f"(2, 2) True {OWN}"]
    assert said.splitlines() == expected


def test_frames_in_another_s_key_are_not_heard_and_those_in_clear_are(tmp_path):
    with Air() as air:
        radio = micropython(LISTEN, air, tmp_path)
        while OWN not in air._stations:  # until it is there
            assert radio.poll() is None
            time.sleep(0.02)
        air.inject(FAR, OWN, b"secret", seal=b"\1\2\3\4")
        air.inject(FAR, OWN, b"other channel", channel=7)
        air.inject(FAR, OWN, b"clear")
        air.inject(FAR, OWN, b"end")
        said, _ = radio.communicate(timeout=100)
    assert said.splitlines() == ["[b'clear', b'end']"]
