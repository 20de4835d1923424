"""Commands to a node in the field, on a real board and a real broker: tried first, kept only then.

They are given as an operator gives them, by `cobenefit node`.
"""

import json
import shutil

import pytest
from typer.testing import CliRunner

from cobenefit_boards import ota, ota_broker, remote, remote_broker
from cobenefit_boards.commands import node as app
from cobenefit_hil.keeper import Keeper
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, SITE, START_MS
from cobenefit_hil.services import free_port

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time", "power")]
INSTANTS = 40_000
#: So that the world lasts longer than any test, however fast the machine.
PACE_S = 0.01
NODE = f"{SITE}/{DEVICE}"


@pytest.fixture
def peer(tmp_path):
    times = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    values = {ENERGY: [100 * i for i in range(INSTANTS)], POWER: [10] * INSTANTS}
    with TicPeer(DEVICE, tmp_path, times, values) as meter:
        meter.pace_s = PACE_S
        yield meter


@pytest.fixture
def key(tmp_path, board):
    private = tmp_path / "fleet.pem"
    shutil.copyfile(ota.make_key(private), board.file("update.key"))
    return private


@pytest.fixture
def kept(board, ack_station, key):  # noqa: ARG001
    with Keeper(board) as keeper:
        assert ack_station.wait(lambda: ack_station.packs, 60), board.console()
        yield keeper


@pytest.fixture
def push(tmp_path, broker, node_config):
    """Push the node's configuration with changes; the result of the command line."""

    def run(*options, confirm_s=120, wait_s=120, **changes):
        new = {**node_config, **changes}
        new["sensors"] = [{**sensor, "period_ms": 1000} for sensor in new["sensors"]]
        path = tmp_path / "new.json"
        path.write_text(json.dumps(new))
        where = ["--broker", f"127.0.0.1:{broker.port}"]
        times = ["--confirm-s", str(confirm_s), "--wait", str(wait_s)]
        arguments = ["config", "push", NODE, str(path), *where, *times, *map(str, options)]
        return CliRunner().invoke(app, arguments)

    return run


@pytest.fixture
def status(broker):
    def run():
        where = ota_broker.Broker("127.0.0.1", broker.port)
        return remote_broker.results(where, SITE, DEVICE)

    return run


def _delivers(station):
    count = len(station.packs)
    return station.wait(lambda: len(station.packs) > count + 5 and not station.missing(), 60)


def _gaps(station):
    """Return the instants, ten minutes apart, of which no energy came."""
    times = {t for channel, t in station.readings() if channel == ENERGY}
    return sorted(set(range(START_MS, max(times), PERIOD_MS)) - times)


def test_a_configuration_is_tried_kept_and_survives_a_power_cut(push, kept, ack_station, status):
    assert {len(p.values) for _, p in list(ack_station.packs.values())} == {10}
    done = push(pack_readings=5)
    assert done.exit_code == 0, done.output + kept.board.console()[-3000:]
    assert "`broker` is left as it is" in done.output
    assert kept.boots == 2
    assert _delivers(ack_station)
    # The simulated meter may be between two instants at the restart; that one is then never shown.
    assert ack_station.wait(lambda: len(_gaps(ack_station)) <= 1, 60), _gaps(ack_station)
    seen = len(ack_station.packs)
    kept.power_cut()
    assert ack_station.wait(lambda: len(ack_station.packs) > seen + 20, 60)
    last = list(ack_station.packs.values())[-5:]
    assert {len(p.values) for _, p in last} == {5}
    # What the cut left in the ring follows beside the fresh readings, not before them.
    assert ack_station.wait(lambda: not ack_station.missing(), 60), ack_station.missing()
    assert status()["config"][1:] == (1, "confirmed", "")


def test_a_wrong_configuration_is_refused_before_anything_changes(push, kept, ack_station):
    for changes, why in (
        ({"pack_raedings": 5}, "no such key"),
        ({"pack_readings": 0}, "1 to 1000"),
        ({"board": "esp32_c3"}, "set on the bench"),
        ({"ring": {"dir": "other"}}, "ring.dir"),
        ({"sensors": [{"driver": "nope", "uart": 1}]}, "driver is 'nope'"),
        ({"sensors": [{"driver": "tic", "uart": 1, "options": {"x": 1}}]}, "no option 'x'"),
        ({"confirm_s": 1}, "no sensor is read within the 1 s"),
    ):
        done = push(**changes)
        assert isinstance(done.exception, remote.RemoteError), done.output
        assert why in str(done.exception)
    assert kept.boots == 1
    assert not kept.board.file("config.a").exists()
    assert _delivers(ack_station)


def test_a_crash_at_the_start_is_rolled_back_at_once(push, kept, ack_station, status):
    done = push(sensors=[{"driver": "tic", "uart": 7}])  # well formed, but nothing is wired there
    assert isinstance(done.exception, remote_broker.NodeError), done.output
    assert "UART(7) is not wired" in status()["config"].detail
    assert kept.boots == 3
    assert _delivers(ack_station)
    done = push(pack_readings=5)
    assert done.exit_code == 0, done.output


def test_a_change_of_broker_must_be_signed_and_reach_it(  # noqa: PLR0917
    push, kept, ack_station, status, key, node_config, tmp_path
):
    stranger = tmp_path / "stranger.pem"
    ota.make_key(stranger)
    elsewhere = {"host": "127.0.0.1", "port": free_port()}
    done = push("--key", stranger, broker=elsewhere)
    assert "wrong signature" in str(done.exception)
    assert kept.boots == 1
    done = push("--key", key, broker=elsewhere, confirm_s=3)
    assert isinstance(done.exception, remote_broker.NodeError), done.output
    assert status()["config"].detail == "no ack within 3 s"
    assert kept.boots == 3
    assert _delivers(ack_station)
    same = {**node_config["broker"], "host": "localhost"}
    done = push("--key", key, broker=same)
    assert done.exit_code == 0, done.output


def test_an_unsigned_change_of_broker_is_refused(kept, ack_station, broker, node_config):
    """As a stolen broker would send it, without our command line in between."""
    new = {**node_config, "broker": {"host": "evil.example.org"}}
    content = json.dumps(new).encode()
    where = ota_broker.Broker("127.0.0.1", broker.port)
    make = lambda n: remote.seal("config", n, NODE, content, 60, None)  # noqa: E731
    result = remote_broker.ask(where, (SITE, DEVICE), "config", make, 120, lambda _: None)
    assert result.outcome == "refused"
    assert result.detail == "a change of broker, bridge, Wi-Fi, CA or keys must be signed"
    assert kept.boots == 1
    far = lambda _: remote.seal("config", 5000, NODE, content, 60, None)  # noqa: E731
    with pytest.raises(ota_broker.BrokerError, match="has not answered"):
        remote_broker.ask(where, (SITE, DEVICE), "config", far, 1, lambda _: None)
    assert _delivers(ack_station)


def test_power_cuts_end_a_trial_that_never_reaches_the_gateway(
    push, kept, ack_station, status, key
):
    elsewhere = {"host": "127.0.0.1", "port": free_port()}
    done = push("--key", key, broker=elsewhere, confirm_s=3600, wait_s=3)
    assert isinstance(done.exception, ota_broker.BrokerError)
    assert ack_station.wait(lambda: kept.boots == 2, 60)
    for _ in range(3):
        started = lambda: kept.board.console().count(" boot ") >= kept.boots  # noqa: E731
        assert ack_station.wait(started, 60), kept.board.console()
        kept.power_cut()
    assert ack_station.wait(lambda: status()["config"].outcome == "rolled back", 60)
    assert status()["config"].detail == "not confirmed in 3 boots"
    assert _delivers(ack_station)


def test_a_damaged_configuration_gives_way_to_that_of_the_bench(push, kept, ack_station, status):
    assert push(pack_readings=5).exit_code == 0
    path = kept.board.file("config.a")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b": 5", b": 7", 1) if b": 5" in raw else raw[:-1])
    kept.power_cut()
    assert ack_station.wait(lambda: status()["config"].outcome == "damaged", 60)
    assert "changed its bytes" in status()["config"].detail
    count = len(ack_station.packs)
    assert ack_station.wait(lambda: len(ack_station.packs) > count + 5, 60)
    assert len(list(ack_station.packs.values())[-1][1].values) == 10


@pytest.mark.usefixtures("kept")
def test_a_selftest_reads_everything_and_costs_no_reading(ack_station, broker, status):
    arguments = ["selftest", NODE, "--broker", f"127.0.0.1:{broker.port}", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert status()["selftest"].detail, done.output
    rows = {r["test"]: r for r in json.loads(done.stdout.splitlines()[-1])}
    assert set(rows) == {ENERGY, POWER, "flash", "clock", "link", "broker", "heap"}
    assert [rows[t]["state"] for t in ("flash", "clock", "broker", "heap")] == ["ok"] * 4, rows
    assert rows[ENERGY]["value"].endswith(" Wh")
    assert rows["link"]["value"].startswith("no TLS")
    assert done.exit_code == 0, done.output
    assert _delivers(ack_station)
    assert ack_station.wait(lambda: not _gaps(ack_station), 60), _gaps(ack_station)


def test_a_selftest_from_the_console(board, ack_station, tmp_path):
    script = tmp_path / "console.py"
    script.write_text("from cobenefit_node import selftest\nselftest.bench()\n")
    board.start(script)
    assert board.wait(100) == 0, board.console()
    lines = board.console().splitlines()
    states = {line.split()[0]: line.split()[1] for line in lines if len(line.split()) > 2}
    assert (states["flash"], states["broker"], states["heap"]) == ("ok", "ok", "ok"), lines
    assert not ack_station.errors
