"""A board file and the node's own ledger make a device."""

from cobenefit_backend.estimate.device import device_of
from cobenefit_boards import load


def test_the_board_gives_blocks_life_and_supply():
    device = device_of(load("esp32_generic"))
    assert device.blocks["power_supply"] == 1
    assert device.powered_by == "battery"
    assert device.energy_wh_per_year == 0


def test_a_measured_value_replaces_the_boards():
    device = device_of(load("rpi_4_gateway"))
    assert device.energy_wh_per_year == 4 * 8766
    assert device_of(load("rpi_4_gateway"), energy_wh_per_year=9.0).energy_wh_per_year == 9.0
