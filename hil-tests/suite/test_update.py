"""Updates over the air, on a real board and a real broker: good ones run, bad ones never stay."""

import random
import shutil
import time

import pytest

import cobenefit_node
from cobenefit_boards import ota, ota_broker, ota_commands
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, SITE, START_MS
from cobenefit_hil.virtual.board import firmware
from cobenefit_node.slots import Slots
from cobenefit_wire import release

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time", "power")]
INSTANTS = 40_000
#: So that the world lasts longer than any test, however fast the machine.
PACE_S = 0.01
RESET = 73
CUTS = 6
CHANGED = ("tic", "ld2451", "modbus")


@pytest.fixture
def peer(tmp_path):
    times = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    values = {ENERGY: [100 * i for i in range(INSTANTS)], POWER: [10] * INSTANTS}
    with TicPeer(DEVICE, tmp_path, times, values) as meter:
        meter.pace_s = PACE_S
        yield meter


@pytest.fixture
def keys(tmp_path, board):
    """A private key, its public half on the board."""
    private = tmp_path / "fleet.pem"
    shutil.copyfile(ota.make_key(private), board.file("update.key"))
    return private


@pytest.fixture
def fleet(tmp_path, board, broker, keys, ack_station):  # noqa: ARG001
    running = Fleet(tmp_path, board, ota_broker.Broker("127.0.0.1", broker.port), keys)
    yield running
    board.power_cut()


class Fleet:
    """One board and what its operator does."""

    def __init__(self, tmp_path, board, where, key):
        self.tmp_path = tmp_path
        self.board = board
        self.where = where
        self.key = key
        self.boots = 0

    def source(self, name, **edits):
        """Return a copy of the firmware with some text replaced in some files."""
        folder = self.tmp_path / name
        for package in ("cobenefit_node", "cobenefit_wire"):
            ignore = shutil.ignore_patterns("__pycache__")
            root = next(root for root in firmware() if (root / package).is_dir())
            shutil.copytree(root / package, folder / package, ignore=ignore)
        init = folder / "cobenefit_node/__init__.py"
        init.write_text(f'"""Changed."""\n\nVERSION = "{name}"\n')
        for path, (old, new) in edits.items():
            file = folder / f"cobenefit_node/{path}.py"
            text = file.read_text()
            assert old in text
            file.write_text(text.replace(old, new, 1))
        return folder

    def release(self, name, counter, key=None, confirm_s=60, next_key=None, **edits):
        out = self.tmp_path / f"{name}.release"
        ota.sign(
            self.source(name, **edits), key or self.key, counter, out,
            confirm_s=confirm_s, next_key=next_key,
        )  # fmt: skip
        return ota.read(out)

    def publish(self, sealed, notice, chunks):
        ota_broker.publish(self.where, SITE, DEVICE, notice.counter, sealed, chunks)

    def status(self):
        return ota_commands.summary(ota_broker.reports(self.where, SITE, DEVICE))

    def until(self, timeout_s=120, **wanted):
        """Let the board run, and boot it after each reset, until its status is as wanted."""
        deadline = time.monotonic() + timeout_s
        while True:
            if self.board.poll() is not None:
                assert self.board.wait(1) == RESET, self.board.console()[-3000:]
                self.boots += 1
                self.board.boot()
            status = self.status()
            if wanted.items() <= status.items():
                return status
            late = time.monotonic() > deadline
            assert not late, f"{status}\n{self.board.console()[-3000:]}"

    def reports(self, station):
        """Whether the board still delivers readings, and none is missing on the way."""
        count = len(station.packs)
        return station.wait(lambda: len(station.packs) > count + 5 and not station.missing(), 60)

    def state(self, monkeypatch):
        with monkeypatch.context() as patched:
            patched.chdir(self.board.workdir)
            return Slots().state


def test_a_good_update_is_applied_and_confirmed(fleet, ack_station, monkeypatch):
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7))
    status = fleet.until(outcome="confirmed", counter=7)
    assert (status["version"], status["published"], fleet.boots) == ("9.1", 7, 1)
    assert fleet.state(monkeypatch).active == "app_a"
    assert fleet.reports(ack_station)
    fleet.board.power_cut()
    fleet.board.boot()
    fleet.publish(*fleet.release("9.2", 8))
    status = fleet.until(outcome="confirmed", counter=8)
    assert status["version"] == "9.2"
    assert fleet.state(monkeypatch).active == "app_b"
    # Only what differs travelled: the index and one file.
    assert "chunks fetched of" in fleet.board.console()


def test_a_flipped_byte_is_refused(fleet, ack_station):
    sealed, notice, chunks = fleet.release("9.1", 7)
    at = max(range(len(chunks)), key=lambda n: b"Changed." in chunks[n])
    chunks[at] = chunks[at].replace(b"9.1", b"9.9")
    fleet.board.boot()
    fleet.publish(sealed, notice, chunks)
    status = fleet.until(outcome="refused", counter=7)
    assert status["detail"] == "sha256 of cobenefit_node/__init__.py"
    assert status["version"] == cobenefit_node.VERSION
    assert (fleet.boots, fleet.reports(ack_station)) == (0, True)


def test_a_wrong_signature_is_refused_and_does_not_burn_the_counter(fleet, ack_station, tmp_path):
    stranger = tmp_path / "stranger.pem"
    ota.make_key(stranger)
    fleet.board.boot()
    fleet.publish(*fleet.release("evil", 4_000_000_000, key=stranger))
    status = fleet.until(outcome="refused", counter=4_000_000_000)
    assert status["detail"] == "wrong signature"
    assert not fleet.board.file("app_a").exists()
    sealed, notice, chunks = fleet.release("9.1", 7)
    signed, signature, _ = release.unseal(sealed)
    changed = release.body(notice._replace(counter=8))
    assert changed != signed
    fleet.publish(release.seal(changed, signature), notice._replace(counter=8), chunks)
    assert fleet.until(outcome="refused", counter=8)["detail"] == "wrong signature"
    assert fleet.reports(ack_station)
    fleet.publish(sealed, notice, chunks)
    assert fleet.until(outcome="confirmed", counter=7)["version"] == "9.1"


def test_an_older_release_is_refused_though_it_is_signed(fleet, ack_station):
    old = fleet.release("9.0", 6)
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7))
    fleet.until(outcome="confirmed", counter=7)
    fleet.publish(*old)
    status = fleet.until(outcome="refused", counter=6)
    assert status["detail"] == "older than 7, which is confirmed"
    assert status["version"] == "9.1"
    assert fleet.reports(ack_station)


@pytest.mark.parametrize("place", ["import", "run", "garbage"])
def test_a_release_that_crashes_on_boot_is_rolled_back(fleet, ack_station, monkeypatch, place):
    edits = {
        "import": {"main": ("import asyncio\n", "import asyncio\n1 / 0\n")},
        "run": {"main": ("        gc.collect()\n", "        gc.collect(1 // 0)\n")},
        "garbage": {"clock": ("import time\n", "import time\n)(\n")},
    }[place]
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7, **edits))
    status = fleet.until(outcome="refused", counter=7)
    error = "SyntaxError" if place == "garbage" else "ZeroDivisionError"
    assert error in status["detail"]
    assert status["version"] == cobenefit_node.VERSION
    assert fleet.boots == 1 + 3
    assert fleet.state(monkeypatch).trial == ""
    assert fleet.reports(ack_station)


def test_a_release_without_link_is_rolled_back(fleet, ack_station):
    start = "        self.close()\n"
    deaf = {"mqtt": (start + "        tls", start + "        raise OSError(113)\n        tls")}
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7, confirm_s=3, **deaf))
    status = fleet.until(outcome="refused", counter=7)
    assert status["detail"] == "no ack within 3 s"
    assert status["version"] == cobenefit_node.VERSION
    assert fleet.reports(ack_station)


def test_a_gateway_that_acks_nothing_confirms_nothing(fleet, ack_station):
    fleet.board.boot()
    ack_station.acking.clear()  # before the trial could be faster than this test
    fleet.publish(*fleet.release("9.1", 7, confirm_s=3))
    status = fleet.until(outcome="refused", counter=7)
    assert status["detail"] == "no ack within 3 s"
    ack_station.acking.set()
    assert fleet.reports(ack_station)


def held(slot):
    """Return the bytes of a slot that were fetched; what did not change was copied."""
    paths = [slot / f"cobenefit_node/drivers/{name}.py" for name in CHANGED]
    return sum(path.stat().st_size for path in paths if path.exists())


def test_power_cuts_resume_the_download_and_the_trial(fleet, ack_station, monkeypatch, seed):
    fleet.release("9.1", 7)
    for name in CHANGED:  # so that there is something to fetch
        path = fleet.tmp_path / f"9.1/cobenefit_node/drivers/{name}.py"
        path.write_text(path.read_text() + "# changed\n")
    shutil.rmtree(fleet.tmp_path / "9.1.release")
    ota.sign(fleet.tmp_path / "9.1", fleet.key, 7, fleet.tmp_path / "9.1.release", confirm_s=60)
    sealed, notice, chunks = ota.read(fleet.tmp_path / "9.1.release")
    last = max(n for n, chunk in enumerate(chunks) if b"# changed\n" in chunk)
    fleet.board.boot()
    fleet.publish(sealed, notice, chunks[:last])  # so that no download ends before the last cut
    slot = fleet.board.file("app_a")
    sizes, moments = [], random.Random(seed)
    for cut in range(CUTS):
        if cut:
            time.sleep(moments.uniform(0.05, 0.5))
        else:
            begun = lambda: held(slot) > 0  # noqa: E731
            assert ack_station.wait(begun, 100), fleet.board.console()[-3000:]
        fleet.board.power_cut()
        sizes.append(held(slot))
        fleet.board.boot()
    assert sizes == sorted(sizes), "a power cut cost more than the chunk under way"
    fleet.publish(sealed, notice, chunks)
    assert ack_station.wait(lambda: fleet.board.poll() is not None, 100), fleet.status()
    assert fleet.board.wait(1) == RESET, fleet.board.console()[-3000:]
    fleet.board.boot()
    time.sleep(moments.uniform(0, 0.5))
    fleet.board.power_cut()
    fleet.board.boot()
    status = fleet.until(outcome="confirmed", counter=7)
    assert status["version"] == "9.1"
    assert fleet.state(monkeypatch).counter == 7
    assert fleet.reports(ack_station)


def test_a_key_is_replaced_by_a_release_the_old_one_signed(fleet, tmp_path):
    following = tmp_path / "next.pem"
    public = ota.make_key(following)
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7, next_key=public))
    fleet.until(outcome="confirmed", counter=7)
    fleet.publish(*fleet.release("9.2", 8))
    assert fleet.until(outcome="refused", counter=8)["detail"] == "wrong signature"
    fleet.publish(*fleet.release("9.3", 9, key=following))
    assert fleet.until(outcome="confirmed", counter=9)["version"] == "9.3"


def test_a_confirmed_slot_that_breaks_later_gives_way_to_the_factory_s(fleet, ack_station):
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7))
    fleet.until(outcome="confirmed", counter=7)
    fleet.board.power_cut()
    fleet.board.file("app_a/cobenefit_node/main.py").write_text("1 / 0\n")
    fleet.board.boot()
    status = fleet.until(outcome="safe_mode")
    assert status["version"] == cobenefit_node.VERSION
    assert fleet.reports(ack_station)


def test_a_node_without_a_key_takes_no_update(fleet):
    fleet.board.file("update.key").unlink()
    fleet.board.boot()
    fleet.publish(*fleet.release("9.1", 7))
    assert fleet.until(outcome="refused")["detail"] == "this node has no update.key"
