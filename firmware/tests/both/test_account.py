"""Resets by cause and sets of cells, over power cuts."""

import os

from cobenefit_node.account import Account, Battery, open_account
from cobenefit_node.health import Ledger
from cobenefit_node.twin import Twin

DIRECTORY = (os.getenv("TMPDIR") or "/tmp") + "/cb-account-test"


class Wired:
    adc, scale_permille, jump_mv, set = 34, 2000, 300, 0


class Adc:
    """An input whose voltage the test sets, in uV."""

    def __init__(self, uv):
        self.uv = uv

    def read_uv(self):
        return self.uv


class Coarse:
    def read_u16(self):
        return 65_535


class Board:
    def __init__(self, uv):
        self.input = Adc(uv)

    def adc(self, _number):
        return self.input


class Config:
    battery = Wired


def _on_a_fresh_flash(test):
    """Run a test in an empty directory: the account's path is the board's."""

    def run():
        here = os.getcwd()
        try:
            os.mkdir(DIRECTORY)
        except OSError:
            for name in os.listdir(DIRECTORY):
                os.remove(DIRECTORY + "/" + name)
        os.chdir(DIRECTORY)
        try:
            test()
        finally:
            os.chdir(here)

    return run


def _start(cause, uv, config=Config):
    ledger = Ledger({}, cause)
    open_account(config, Board(uv), cause, ledger)
    return ledger


@_on_a_fresh_flash
def test_starts_are_counted_by_cause_and_wakes_are_not():
    for cause in (1, 3, 3, 6, 4, 4, 0):
        ledger = _start(cause, 1_500_000)
    assert ledger.causes == [1, 0, 2, 0, 0, 1]


@_on_a_fresh_flash
def test_a_voltage_that_jumps_up_at_a_start_is_a_new_set_of_cells():
    assert _start(1, 2_250_000).battery_changes == 0  # 4.5 V
    ledger = _start(1, 1_700_000)
    assert ledger.message(1, 0, None, tx=0, rx=0, waiting=0, lost=[]).battery_mv == 3400
    assert _start(1, 1_800_000).battery_changes == 0  # recovered a little
    assert _start(1, 2_250_000).battery_changes == 1


@_on_a_fresh_flash
def test_a_fall_is_written_in_steps_and_a_wake_changes_nothing():
    _start(1, 2_250_000)
    wake = _start(4, 2_240_000)
    before = Twin.written
    assert wake.battery() == 4480
    assert Twin.written == before
    wake = _start(4, 2_000_000)
    wake.battery()
    assert Twin.written > before
    assert _start(1, 2_250_000).battery_changes == 1


@_on_a_fresh_flash
def test_the_configuration_may_tell_which_set_it_is():

    class Told(Wired):
        set = 1

    class Config:
        battery = Told

    assert _start(1, 2_250_000, Config).battery_changes == 0
    assert _start(1, 2_250_000, Config).battery_changes == 0
    Told.set = 2
    assert _start(1, 2_250_000, Config).battery_changes == 1
    assert _start(1, 2_250_000, Config).battery_changes == 1


@_on_a_fresh_flash
def test_a_board_without_a_calibrated_input_reads_its_full_scale():
    assert Battery(Coarse(), Wired, Account(Twin("account"))).mv() == 6600


def test_an_input_that_fails_is_counted_and_the_battery_unknown():
    ledger = Ledger({}, 1)

    def broken():
        raise OSError(5)

    ledger.battery = broken
    assert ledger.message(1, 0, None, tx=0, rx=0, waiting=0, lost=[]).battery_mv is None
    assert ledger.errors == 1
