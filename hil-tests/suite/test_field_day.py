"""A day of a node with three sensors, in one run: TLS, a link that flaps, a backlog, an update.

Time of the sensors is simulated, that of the link is real (docs/decisions/0006).
"""

import random
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import cobenefit_node
from cobenefit_boards import ota, ota_broker, ota_commands
from cobenefit_hil.authority import NAME, tls_broker
from cobenefit_hil.station import AckStation
from cobenefit_hil.trial import SITE, Balance, Trial
from cobenefit_hil.virtual.board import HEAP

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "counter", "simulated_time")]
FIRMWARE = Path(cobenefit_node.__file__).parent.parent
DEVICE = "field"
DAY_MS = 86_400_000
RESET = 73
#: An instant takes this long at least, so that faults happen in it.
PACE_S = 0.004
#: Of an outage, in real time, in which an update waits.
LONGEST_S = 4


def release(tmp_path, board):
    """Return a signed release 9.1 of the firmware, whose key the board gets."""
    key = tmp_path / "fleet.pem"
    shutil.copyfile(ota.make_key(key), board.file("update.key"))
    source = tmp_path / "9.1"
    for package in ("cobenefit_node", "cobenefit_wire"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(FIRMWARE / package, source / package, ignore=ignore)
    (source / "cobenefit_node/__init__.py").write_text('"""Changed."""\n\nVERSION = "9.1"\n')
    ota.sign(source, key, 7, tmp_path / "9.1.release", confirm_s=60)
    return ota.read(tmp_path / "9.1.release")


@contextmanager
def flapping(link, world, seed, apart_s):
    """Cut a link at random, for a moment or some hours of the sensors' time, until the end.

    A day that takes longer has its outages further `apart_s`: the node's pauses between two tries
    grow with each session that was shorter than a minute and gained no ack.
    """
    moments = random.Random(seed)
    over = threading.Event()
    outages = []

    def flap():
        while not over.wait(moments.uniform(*apart_s)) and not world.done.is_set():
            if moments.random() < 0.3:
                link.cut()
                continue
            link.down()
            back = world.served + moments.randrange(20, 240)
            latest = time.monotonic() + LONGEST_S
            while world.served < back and time.monotonic() < latest and not world.done.is_set():
                time.sleep(0.05)
            outages.append(world.served)
            link.up()

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        yield outages
    finally:
        over.set()
        thread.join()


def update(trial, operator, made):
    """Publish a release and boot once more when the node restarts for it."""
    sealed, notice, chunks = made
    ota_broker.publish(operator, SITE, DEVICE, notice.counter, sealed, chunks)
    trial.world.pace_s = 0.2  # a download takes real time
    ended = trial.station.wait(lambda: trial.board.poll() is not None, 300)
    assert ended, trial.board.console()[-3000:]
    assert trial.board.wait(1) == RESET, trial.board.console()[-3000:]
    trial.world.pace_s = PACE_S
    trial.board.boot()


def connections(console):
    """Return how often the board has connected since its last boot."""
    return console.rpartition(" boot ")[2].count("link: connected")


@pytest.mark.timeout(900)
def test_a_day_with_everything_at_once_balances(tmp_path, program, long_run, seed, measured):
    instants, apart_s = (8640, (5, 40)) if long_run else (1440, (1, 6))
    service, plain, tls = tls_broker(tmp_path, program("mosquitto"))
    config = {
        "pack_readings": 60,
        "broker": {"tls": {"ca": str(tmp_path / "ca.der"), "server_hostname": NAME}},
    }
    with service, AckStation(plain) as station, Trial(
        tmp_path, tls, DEVICE, instants=instants, period_ms=DAY_MS // instants, three=True,
        pace_s=PACE_S, station=station, config=config, board={"heap": HEAP},
    ) as trial:  # fmt: skip
        made = release(tmp_path, trial.board)
        operator = ota_broker.Broker("127.0.0.1", plain)
        trial.world.held_at = instants * 9 // 10  # the day is not over before an outage
        with flapping(trial.link, trial.world, seed, apart_s) as outages:
            trial.board.boot()
            assert station.wait(lambda: trial.world.served > instants // 5, 300)
            update(trial, operator, made)
            assert station.wait(lambda: outages, 100), trial.board.console()[-3000:]
            trial.world.held_at = None
            assert trial.board.wait(400) == 0, trial.board.console()[-3000:]
        status = ota_commands.summary(ota_broker.reports(operator, SITE, DEVICE))
        console = trial.board.console()
        measured("outages", len(outages), "1")
        measured("connections", trial.link.accepted, "1")
        assert (status["outcome"], status["version"]) == ("confirmed", "9.1")
        assert trial.balance() == Balance(10 * instants, 10 * instants)
        assert station.missing() == []
        assert [e for e in station.errors if "/ota/" not in e] == []
        assert station.last_health().reconnects == connections(console) - 1
        assert "MemoryError" not in console
