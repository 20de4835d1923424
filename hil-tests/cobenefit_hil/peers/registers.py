"""Register maps of the Modbus peers: where each kind of slave shows what. Data only.

Written from the makers' manuals, not from the node's maps, so that the two check each other:
Eastron, "SDM120-Modbus protocol" V2.4, "SDM230-Modbus protocol" V1.2, "SDM630-Modbus protocol"
and "SDM72D-M user manual"; Peacefair, "PZEM-004T V3.0 user manual"; DFRobot wiki, SEN0605; Seeed
Technology, "Soil Moisture & Temperature & EC Sensor user manual" V1.0, 2020.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Register:
    """Where a channel stands.

    A float register shows wire integer / `per_unit`; an integer register shows wire integer x
    `steps` in one or two words, low word first.
    """

    channel: str
    address: int
    per_unit: int = 1
    mirror: int | None = None
    words: int = 1
    steps: int = 1


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """One kind of slave."""

    function: Literal["input", "holding"]
    encoding: Literal["float32", "integer"]
    registers: tuple[Register, ...]


SDM120 = RegisterMap(
    "input",
    "float32",
    (
        Register("voltage_v", 0x0000, 10),
        Register("current_a", 0x0006, 1000),
        Register("power_active_w", 0x000C),
        Register("energy_import_wh", 0x0048, 1000, mirror=0x0156),
    ),
)
SDM230 = RegisterMap(
    "input",
    "float32",
    (
        Register("voltage_v", 0x0000, 10),
        Register("current_a", 0x0006, 1000),
        Register("power_active_w", 0x000C),
        Register("energy_import_wh", 0x0048, 1000),
        Register("energy_export_wh", 0x004A, 1000),
    ),
)
SDM630 = RegisterMap(
    "input",
    "float32",
    (
        Register("power_active_w", 0x0034),
        Register("energy_import_wh", 0x0048, 1000),
        Register("energy_export_wh", 0x004A, 1000),
    ),
)
SDM72 = SDM630
PZEM004T = RegisterMap(
    "input",
    "integer",
    (
        Register("voltage_v", 0x0000),
        Register("current_a", 0x0001, words=2),
        Register("power_active_w", 0x0003, words=2, steps=10),
        Register("energy_import_wh", 0x0005, words=2),
    ),
)
SOIL_A = RegisterMap(
    "holding",
    "integer",
    (
        Register("soil_moisture_ratio", 0),
        Register("soil_temperature_degc", 1),
        Register("soil_conductivity_s_m", 2),
        Register("soil_ph", 3),
        Register("soil_nitrogen_ratio", 4),
        Register("soil_phosphorus_ratio", 5),
        Register("soil_potassium_ratio", 6),
    ),
)
SOIL_B = RegisterMap(
    "holding",
    "integer",
    (
        Register("soil_nitrogen_ratio", 0x001E),
        Register("soil_phosphorus_ratio", 0x001F),
        Register("soil_potassium_ratio", 0x0020),
    ),
)
SOIL_C = RegisterMap(
    "holding",
    "integer",
    (
        Register("soil_temperature_degc", 0, steps=10),
        Register("soil_moisture_ratio", 1, steps=10),
        Register("soil_conductivity_s_m", 2),
    ),
)
