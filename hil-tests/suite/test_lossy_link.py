"""Thirty percent of all packets are lost: TCP suffers, the readings don't.

The board and its broker live in a network namespace of their own, in which nftables drops packets
at random; the station hears the broker through a Unix socket, which loses nothing. Needs `nft` and
the right to make a namespace, as root or through user namespaces.
"""

import signal
import subprocess
from contextlib import contextmanager

import pytest

from cobenefit_hil.services import Service
from cobenefit_hil.station import AckStation
from cobenefit_hil.trial import Balance, Trial

pytestmark = [pytest.mark.hil, pytest.mark.broker, pytest.mark.needs("uart", "simulated_time")]
LOSS_PERCENT = 30
MIN_DROPPED = 5  # fewer would show nothing
PORT = 1883
RULES = f"""
table inet faults {{
  counter dropped {{}}
  counter seen {{}}
  chain input {{
    type filter hook input priority 0;
    counter name seen
    numgen random mod 100 < {LOSS_PERCENT} counter name dropped drop
  }}
}}
"""


@contextmanager
def namespace():
    """Make a network with nothing but loopback; yield the command that runs a program in it."""
    unshare = ["unshare", "--user", "--map-root-user", "--net", "sleep", "600"]
    holder = subprocess.Popen(unshare, stderr=subprocess.PIPE)
    inside = ["nsenter", "-t", str(holder.pid), "-U", "-n", "--preserve-credentials"]
    try:
        up = ["ip", "link", "set", "lo", "up"]
        for _ in range(100):  # until unshare has made it
            if subprocess.run([*inside, *up], capture_output=True, check=False).returncode == 0:
                break
            if holder.poll() is not None:
                pytest.skip(f"no network namespace: {holder.stderr.read().decode().strip()}")
        yield inside
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stderr.close()


def lose_packets(load):
    done = subprocess.run(load, input=RULES, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nftables may not drop packets here: {done.stderr.strip()}")


def packets_seen(inside, nft, name):
    listing = [*inside, nft, "list", "counter", "inet", "faults", name]
    words = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    return int(words[words.index("packets") + 1])


def _is_plausible(dropped, seen):
    """Whether that many of so many packets fall at random, within five standard deviations."""
    share = LOSS_PERCENT / 100
    spread = (seen * share * (1 - share)) ** 0.5
    return dropped >= MIN_DROPPED and abs(dropped - share * seen) < 5 * spread


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_at_thirty_percent_packet_loss(
    tmp_path, program, long_run, measured
):
    nft, mosquitto = program("nft"), program("mosquitto")
    for tool in ("unshare", "nsenter", "ip"):
        program(tool)
    instants, pace_s = (1000, 0.1) if long_run else (200, 0)
    sock = tmp_path / "broker.sock"
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"user root\nallow_anonymous true\nlistener {PORT}\nlistener 0 {sock}\n")
    with namespace() as inside:
        run = [*inside, mosquitto, "-c", str(config)]
        service = Service("mosquitto", run, tmp_path / "mosquitto.log", socket_path=sock)
        with service, AckStation(PORT, socket_path=sock) as station, Trial(
            tmp_path, PORT, "lossy", instants=instants, pace_s=pace_s, station=station,
            through_link=False, board={"inside": inside},
        ) as trial:  # fmt: skip
            lose_packets([*inside, nft, "-f", "-"])
            trial.board.boot()
            assert trial.board.wait(250) == 0, trial.board.console()[-3000:]
            reconnects = station.last_health().reconnects
            dropped, seen = (packets_seen(inside, nft, name) for name in ("dropped", "seen"))
        assert trial.balance() == Balance(2 * instants, 2 * instants)
        assert station.missing() == []
        assert station.errors == []
        connected = trial.board.console().count("link: connected")
        assert reconnects == connected - 1
        assert _is_plausible(dropped, seen), f"{dropped} of {seen} packets dropped"
        measured("packets dropped", dropped, "1")
        measured("packets seen", seen, "1")
        measured("connections", connected, "1")
