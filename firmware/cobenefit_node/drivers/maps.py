"""Register maps: which Modbus registers hold which quantity. Data only.

A map is (function, baud, blocks); a block is (first register, count, fields) and is read in one
request; a field is (quantity, register within the block, kind, power): the value handed on is
register x 10^power, rounded, in units of 10^exponent of the quantity.
"""

FLOAT32 = "float32"  # two registers, high word first
INT16 = "int16"
UINT16 = "uint16"
UINT32_LOW = "uint32_low"  # two registers, low word first

# Eastron's single-phase meters: voltage, current, power.
_SINGLE_PHASE = (
    0x0000,
    14,
    (
        ("voltage_v", 0, FLOAT32, 1),
        ("current_a", 6, FLOAT32, 3),
        ("power_active_w", 12, FLOAT32, 0),
    ),
)
# Eastron's three-phase meters: total power, import and export in kWh.
_THREE_PHASE = (
    (0x0034, 2, (("power_active_w", 0, FLOAT32, 0),)),
    (0x0048, 4, (("energy_import_wh", 0, FLOAT32, 3), ("energy_export_wh", 2, FLOAT32, 3))),
)

MAPS = {
    # Eastron SDM120: input registers, IEEE 754 single precision.
    # Source: Eastron, "SDM120-Modbus protocol", section "Input registers"; PyPI sdm-modbus 0.7.0.
    "sdm120": (
        4,
        2400,
        (
            _SINGLE_PHASE,
            (0x0048, 2, (("energy_import_wh", 0, FLOAT32, 3),)),  # the register is in kWh
        ),
    ),
    # Eastron SDM230: as SDM120, and export.
    # Source: Eastron, "SDM230-Modbus protocol" V1.2, section 1.2; PyPI sdm-modbus 0.7.0.
    "sdm230": (
        4,
        2400,
        (
            _SINGLE_PHASE,
            (
                0x0048,
                4,
                (("energy_import_wh", 0, FLOAT32, 3), ("energy_export_wh", 2, FLOAT32, 3)),
            ),
        ),
    ),
    # Eastron SDM630 and SDM72, three-phase. Their 0x000C is phase 1 alone.
    # Source: Eastron, "SDM630-Modbus protocol", "Input registers"; "SDM72D-M user manual",
    # "Input registers"; PyPI sdm-modbus 0.7.0.
    "sdm630": (4, 9600, _THREE_PHASE),
    "sdm72": (4, 9600, _THREE_PHASE),
    # Peacefair PZEM-004T v3 (and 014, 016): 0.1 V, 0.001 A, 0.1 W, Wh. Address 1 as delivered.
    # Source: Peacefair, "PZEM-004T V3.0 user manual", section 2.3, "Read the measurement result".
    "pzem004t": (
        4,
        9600,
        (
            (
                0x0000,
                10,
                (
                    ("voltage_v", 0, UINT16, 0),
                    ("current_a", 1, UINT32_LOW, 0),
                    ("power_active_w", 3, UINT32_LOW, -1),
                    ("energy_import_wh", 5, UINT32_LOW, 0),
                ),
            ),
        ),
    ),
    # Seven-in-one soil probe, the most common of several orders: 0.1 %, 0.1 degC, uS/cm, 0.1 pH,
    # mg/kg. 1 uS/cm = 1e-4 S/m, 1 mg/kg = 1e-6. N, P and K are derived from the conductivity by
    # the probe itself: indicative only.
    # Source: myduino/Industrial-Soil-Sensor-RS485, README, "Response Frame".
    "soil_a": (
        3,
        4800,
        (
            (
                0x0000,
                7,
                (
                    ("soil_moisture_ratio", 0, UINT16, 0),
                    ("soil_temperature_degc", 1, INT16, 0),
                    ("soil_conductivity_s_m", 2, UINT16, 0),
                    ("soil_ph", 3, UINT16, 0),
                    ("soil_nitrogen_ratio", 4, UINT16, 0),
                    ("soil_phosphorus_ratio", 5, UINT16, 0),
                    ("soil_potassium_ratio", 6, UINT16, 0),
                ),
            ),
        ),
    ),
    # DFRobot SEN0605: nitrogen, phosphorus, potassium in mg/kg; derived values as in soil_a.
    # Source: DFRobot wiki, SEN0605, "Communication protocol", section 3.
    "soil_b": (
        3,
        9600,
        (
            (
                0x001E,
                3,
                (
                    ("soil_nitrogen_ratio", 0, UINT16, 0),
                    ("soil_phosphorus_ratio", 1, UINT16, 0),
                    ("soil_potassium_ratio", 2, UINT16, 0),
                ),
            ),
        ),
    ),
    # Seeed S-Temp&VWC&EC-02 and sisters: 0.01 degC, 0.01 %, uS/cm.
    # Source: Seeed Technology, "Soil Moisture & Temperature & EC Sensor user manual" V1.0,
    # sections 5.2 and 5.3, 2020.
    "soil_c": (
        3,
        9600,
        (
            (
                0x0000,
                3,
                (
                    ("soil_temperature_degc", 0, INT16, -1),
                    ("soil_moisture_ratio", 1, UINT16, -1),
                    ("soil_conductivity_s_m", 2, UINT16, 0),
                ),
            ),
        ),
    ),
}
