"""Register maps: which Modbus registers hold which quantity. Data only.

A map is (function, baud, blocks); a block is (first register, count, fields) and is read in one
request; a field is (quantity, register within the block, kind, power): the value handed on is
register x 10^power, in units of 10^exponent of the quantity.
"""

FLOAT32 = "float32"  # two registers, high word first
INT16 = "int16"
UINT16 = "uint16"

MAPS = {
    # Eastron SDM120: input registers, IEEE 754 single precision.
    # Source: Eastron, "SDM120-Modbus protocol", section "Input registers"; PyPI sdm-modbus 0.7.0.
    "sdm120": (
        4,
        2400,
        (
            (
                0x0000,
                14,
                (
                    ("voltage_v", 0, FLOAT32, 1),
                    ("current_a", 6, FLOAT32, 3),
                    ("power_active_w", 12, FLOAT32, 0),
                ),
            ),
            (0x0048, 2, (("energy_import_wh", 0, FLOAT32, 3),)),  # the register is in kWh
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
}
