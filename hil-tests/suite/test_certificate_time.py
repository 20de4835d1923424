"""Certificates have dates, and a board that wakes in 2000 has none: what TLS makes of that."""

import datetime as dt
import shutil
import time
from pathlib import Path

import pytest

from cobenefit_boards import authority
from cobenefit_hil.mutual import NAME, MutualBroker
from cobenefit_hil.plugin import DEVICE, SITE
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_node.twin import Twin

pytestmark = [
    pytest.mark.hil,
    pytest.mark.broker,
    pytest.mark.needs("uart", "power", "wrong_clock"),
]
Y2000_S = 946_684_800
PAST = dt.datetime(2024, 2, 1, tzinfo=dt.UTC)


@pytest.fixture
def broker(tmp_path, program):
    since = PAST - dt.timedelta(days=90)
    with MutualBroker(tmp_path / "fleet", program("mosquitto"), since) as service:
        yield service


@pytest.fixture
def station(broker):
    with AckStation(broker.plain) as listening:
        yield listening


@pytest.fixture
def board(tmp_path, broker, peer, program):
    program("faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    tls = {"ca": "ca.der", "cert": "cert.der", "key": "key.der", "server_hostname": NAME}
    config = {
        "site": SITE,
        "device": DEVICE,
        "broker": {"host": "127.0.0.1", "port": broker.port, "tls": tls},
        "sensors": [
            {"driver": "tic", "uart": 1, "period_ms": 500, "options": {"timeout_ms": 100}}
        ],
        "pack_readings": 1,
    }
    virtual = VirtualBoard(
        config, tmp_path / "board", {"UART1": peer.sensor.path}, faketime=library
    )
    made = authority.issue(broker.authority, f"{SITE}/{DEVICE}")
    for name, data in zip(("cert.der", "key.der"), made.der(), strict=True):
        virtual.file(name).write_bytes(data)
    shutil.copyfile(broker.folder / "ca.der", virtual.file("ca.der"))
    yield virtual
    virtual.power_cut()


def _boot_in_2000(board):
    board.file("rtc").write_text(f"{Y2000_S - int(time.time()):+d}")
    board.boot()


def _is_right(board):
    text = board.file("rtc").read_text()  # nothing, while the board writes it
    return bool(text) and abs(int(text)) <= 3


def _keep_floor(board, monkeypatch, t_s):
    with monkeypatch.context() as patched:
        patched.chdir(board.workdir)
        twin = Twin("clock")
        twin.load()
        twin.save([int(t_s * 1000), 0])


def test_without_a_time_floor_a_valid_certificate_is_not_believed(board, station):
    _boot_in_2000(board)
    assert station.wait(lambda: "validity starts in the future" in board.console(), 60), (
        board.console()
    )
    assert not station.states


def test_with_a_time_floor_it_connects_and_learns_the_time(board, station, monkeypatch):
    _keep_floor(board, monkeypatch, time.time() - 3600)
    _boot_in_2000(board)
    assert station.wait(lambda: station.packs, 60), board.console()
    right = lambda: _is_right(board)  # noqa: E731
    assert station.wait(right, 60), board.file("rtc").read_text()


def test_with_a_time_floor_an_expired_certificate_stays_expired(
    board, broker, station, monkeypatch
):
    broker.present(start=PAST, days=60)
    _keep_floor(board, monkeypatch, time.time() - 3600)
    _boot_in_2000(board)
    assert station.wait(lambda: "validity has expired" in board.console(), 60), board.console()
    assert not station.states


def test_an_old_time_floor_believes_an_expired_certificate_once(
    board, broker, station, monkeypatch
):
    """The limit: nobody told it a later time. The first ack does, and then it does not."""
    broker.present(start=PAST, days=60)
    _keep_floor(board, monkeypatch, PAST.timestamp() + 86_400)
    _boot_in_2000(board)
    right = lambda: _is_right(board)  # noqa: E731
    assert station.wait(right, 60), board.console()
    floor = lambda: any(  # noqa: E731
        board.file(f"clock.{n}").exists() and _kept(board, monkeypatch) > PAST.timestamp() + 1e6
        for n in (0, 1)
    )
    assert station.wait(floor, 60)
    board.power_cut()
    _boot_in_2000(board)
    assert station.wait(lambda: "validity has expired" in board.console(), 60), board.console()


def _kept(board, monkeypatch):
    with monkeypatch.context() as patched:
        patched.chdir(board.workdir)
        return (Twin("clock").load() or [0])[0] / 1000
