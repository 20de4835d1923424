"""The demo's nodes: who reads what, through which driver, from which recorded series.

Each node is a real MicroPython process; its sensor is a peer speaking the real protocol on a
pseudo-terminal. A few faults are planned so that the report can show what becomes of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cobenefit_hil.demo import data
from cobenefit_hil.peers.base import Fault, Peer
from cobenefit_hil.peers.counter import CounterPeer
from cobenefit_hil.peers.modbus import ModbusPeer
from cobenefit_hil.peers.radar import RadarPeer
from cobenefit_hil.peers.registers import SDM120, SOIL_A
from cobenefit_hil.peers.tic import TicPeer

YEAR_2000_MS = 946_684_800_000
YEAR_2100_MS = 4_102_444_800_000
HALF_HOUR_S, HOUR_S = 1800, 3600
NOMINAL_DV = 2300  # 230.0 V


@dataclass(frozen=True, slots=True)
class DemoNode:
    """One node of the demo.

    Parameters
    ----------
    site, device : str
        Its ids.
    title : str
        What it is, for the progress display.
    sensor : dict
        The entry of `sensors` in its configuration.
    period_s : float
        How often its sensor has something to say. [s]
    peer : callable
        Makes the sensor's peer in a directory.
    """

    site: str
    device: str
    title: str
    sensor: dict[str, object]
    period_s: float
    peer: Callable[[Path], Peer]


def _house(directory: Path) -> Peer:
    index, power = data.house_index(), data.house_apparent_power()
    faults = [
        Fault(4_000, "corrupt"),
        Fault(9_000, "clock", YEAR_2000_MS),
        Fault(9_500, "clock", YEAR_2100_MS),
        Fault(20_000, "step_back", 50_000),
        Fault(30_001, "corrupt"),
        Fault(40_000, "silence"),
    ]
    return TicPeer(
        "house",
        directory,
        index.t_ms.tolist(),
        {"energy_import_wh": index.value.tolist(), "power_apparent_va": power.value.tolist()},
        faults,
        mode="historical",
    )


def _meter_a(directory: Path) -> Peer:
    index = data.meter_index("il-electricity-cdd-hdd")
    power = data.meter_energy("il-electricity-cdd-hdd").value  # Wh in an hour: its mean W
    faults = [Fault(500, "silence"), Fault(700, "crc"), Fault(900, "nan", 0)]
    return ModbusPeer(
        "meter-a",
        directory,
        index.t_ms.tolist(),
        {
            "voltage_v": [NOMINAL_DV] * len(power),
            "current_a": (power * 10_000 // NOMINAL_DV).tolist(),
            "power_active_w": power.tolist(),
            "energy_import_wh": index.value.tolist(),
        },
        faults,
        register_map=SDM120,
    )


def _meter_b(directory: Path) -> Peer:
    index = data.meter_index("il-electricity-cdd-only")
    energy = data.meter_energy("il-electricity-cdd-only")
    return TicPeer(
        "meter-b",
        directory,
        index.t_ms.tolist(),
        {"energy_import_wh": index.value.tolist(), "power_apparent_va": energy.value.tolist()},
        [Fault(1_234, "corrupt")],
        mode="standard",
        parity_bit=True,
    )


def _loop(directory: Path) -> Peer:
    index = data.road_index()
    return CounterPeer(
        "loop", directory, index.t_ms.tolist(), {"vehicle_count": index.value.tolist()}
    )


def _radar(directory: Path) -> Peer:
    speed = data.radar_speed()
    return RadarPeer(
        "radar", directory, speed.t_ms.tolist(), {"vehicle_speed_km_h": speed.value.tolist()}
    )


def _probe(directory: Path) -> Peer:
    columns = [data.soil(name) for name in data.SOIL_CHANNELS]
    values = {
        register.channel: column.value.tolist()
        for register, column in zip(SOIL_A.registers, columns, strict=True)
    }
    return ModbusPeer("probe", directory, columns[0].t_ms.tolist(), values, register_map=SOIL_A)


def _sensor(driver: str, period_s: float, **options: object) -> dict[str, object]:
    counted = driver == "pulse"
    line = {"counter": 1} if counted else {"uart": 1}
    return {"driver": driver, **line, "period_ms": round(period_s * 1000), "options": options}


NODES = (
    DemoNode(
        "sceaux", "house", "a real house · Linky TIC, historical",
        _sensor("tic", HALF_HOUR_S, baud=1200, timeout_ms=400), HALF_HOUR_S, _house,
    ),
    DemoNode(
        "simulated", "meter-a", "simulated meter, 10 % truth · Modbus SDM120",
        _sensor("modbus", HOUR_S, map="sdm120", timeout_ms=150),
        HOUR_S, _meter_a,
    ),
    DemoNode(
        "simulated", "meter-b", "simulated meter, cooling only · Linky TIC, standard",
        _sensor("tic", HOUR_S, baud=9600, timeout_ms=400), HOUR_S, _meter_b,
    ),
    DemoNode(
        "road", "loop", "a real road · loop counter",
        _sensor("pulse", HOUR_S, channel="vehicle_count"), HOUR_S, _loop,
    ),
    DemoNode(
        "road", "radar", "modelled passages · LD2451 radar",
        _sensor("ld2451", 1), 86_400 / 3_200, _radar,
    ),
    DemoNode(
        "field", "probe", "synthetic season · Modbus soil probe",
        _sensor("modbus", HALF_HOUR_S, map="soil_a"), HALF_HOUR_S, _probe,
    ),
)  # fmt: skip
