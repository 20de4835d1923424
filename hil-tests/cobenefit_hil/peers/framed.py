"""Sensors that send one frame after the other: dust, distance, laser.

`Pms5003Peer` (Plantower, "PMS5003 series data manual" V2.3, appendix I), `Sds011Peer` (Nova
Fitness, "Laser dust sensor control protocol" V1.3): one frame an instant. `UltrasonicPeer`
(DFRobot, "A02YYUW", UART output): one frame an instant, or one for each request `55`. `TfLunaPeer`
(Benewake, "TF-Luna product manual" A05): the frames of one vehicle that crosses the beam.

Further faults: ``corrupt`` flips a bit in every frame of the instant, ``cut`` ends them early;
both are booked ``checksum``. A TF-Luna's passage stays countable when one frame is damaged, so
there ``corrupt`` is booked as good.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

REQUEST = 0x55
ROAD_CM, ROOF_CM, EMPTY, CROSSING = 600, 420, 15, 20
CUT = 3
_SPOILT = quality.NAMES[quality.CHECKSUM]


def pms5003_frame(pm2_5: int, pm10: int) -> bytes:
    """Return a frame of a PMS5003.

    Parameters
    ----------
    pm2_5, pm10 : int
        Concentrations, 10^-10 kg/m3. [channel's own unit]

    Returns
    -------
    bytes
        32 bytes.
    """
    ambient = (pm2_5 // 20, pm2_5 // 10, pm10 // 10)
    body = b"\x42\x4d\x00\x1c"
    for number in (*ambient, *ambient, 900, 250, 30, 8, 3, 1, 0x9700):
        body += number.to_bytes(2, "big")
    return body + sum(body).to_bytes(2, "big")


def sds011_frame(pm2_5: int, pm10: int) -> bytes:
    """Return a frame of an SDS011.

    Parameters
    ----------
    pm2_5, pm10 : int
        Concentrations, 10^-10 kg/m3. [channel's own unit]

    Returns
    -------
    bytes
        10 bytes.
    """
    body = pm2_5.to_bytes(2, "little") + pm10.to_bytes(2, "little") + b"\xa1\x60"
    return b"\xaa\xc0" + body + bytes((sum(body) & 0xFF, 0xAB))


def distance_frame(distance_mm: int, *, header_in_sum: bool = True) -> bytes:
    """Return a frame of an ultrasonic sensor.

    Parameters
    ----------
    distance_mm : int
        Distance, 0 to 65,535. [mm]
    header_in_sum : bool
        False for an AJ-SR04M.

    Returns
    -------
    bytes
        4 bytes.
    """
    body = distance_mm.to_bytes(2, "big")
    return b"\xff" + body + bytes(((sum(body) + (0xFF if header_in_sum else 0)) & 0xFF,))


def tfluna_frame(distance_cm: int, amplitude: int = 500) -> bytes:
    """Return a frame of a TF-Luna at 44 degC.

    Parameters
    ----------
    distance_cm : int
        Distance. [cm]
    amplitude : int
        Strength of the echo. [1]

    Returns
    -------
    bytes
        9 bytes.
    """
    body = b"\x59\x59" + b"".join(n.to_bytes(2, "little") for n in (distance_cm, amplitude, 2400))
    return body + bytes((sum(body) & 0xFF,))


class _Framed(Peer):
    """What the peers of this file share: the faults of a frame."""

    kinds = (*Peer.kinds, "corrupt", "cut")

    def _spoilt(self, frame: bytes, fault: Fault | None) -> bytes:
        kind = fault.kind if fault is not None else ""
        if kind == "silence":
            return b""
        if kind == "corrupt":
            return frame[:3] + bytes((frame[3] ^ 0x10,)) + frame[4:]
        return frame[:CUT] if kind == "cut" else frame

    def _reasons(self, fault: Fault | None) -> dict[str, str]:
        if fault is not None and fault.kind in {"corrupt", "cut"}:
            return dict.fromkeys(self.values, _SPOILT)
        return {}


class Pms5003Peer(_Framed):
    """A PMS5003 in active mode."""

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        frame = pms5003_frame(values["pm2_5_kg_m3"], values["pm10_kg_m3"])
        self.sensor.write(self._spoilt(frame, fault))
        return self._reasons(fault)


class Sds011Peer(_Framed):
    """An SDS011 that reports by itself."""

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        frame = sds011_frame(values["pm2_5_kg_m3"], values["pm10_kg_m3"])
        self.sensor.write(self._spoilt(frame, fault))
        return self._reasons(fault)


class UltrasonicPeer(_Framed):
    """An ultrasonic sensor over water, `height_mm` above level zero [mm]."""

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        height_mm: int = 4000,
        asked: bool = False,
        header_in_sum: bool = True,
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self._height_mm = height_mm
        self._asked = asked
        self._header_in_sum = header_in_sum
        self._frame = b""

    def start(self) -> None:
        """Answer the control line, and requests on the sensor line."""
        super().start()
        if self._asked:
            self._spawn(self._answer_requests)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        away_mm = self._height_mm - values["water_level_m"]
        frame = distance_frame(away_mm, header_in_sum=self._header_in_sum)
        self._frame = self._spoilt(frame, fault)
        if not self._asked:
            self.sensor.write(self._frame)
        return self._reasons(fault)

    def _answer_requests(self) -> None:
        while not self._stopping.is_set():
            if REQUEST in self.sensor.read():
                self.sensor.write(self._frame)


class TfLunaPeer(_Framed):
    """A TF-Luna above one lane: a vehicle crosses at each instant whose count is not 0."""

    kinds = ("clock", "corrupt")

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        road, roof = tfluna_frame(ROAD_CM), tfluna_frame(ROOF_CM)
        crossing = [roof if values["vehicle_count"] else road] * CROSSING
        crossing[CROSSING // 2] = self._spoilt(crossing[0], fault)
        self.sensor.write(b"".join([road] * EMPTY + crossing + [road] * EMPTY))
        return {}
