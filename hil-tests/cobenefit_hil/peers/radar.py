"""An HLK-LD2451 vehicle radar: frames of a vehicle that comes closer, then an empty road.

Frame, at 10 Hz: F4 F3 F2 F1, length (2 bytes, little endian), number of targets, alarm, five
bytes per target (angle + 0x80 [degree], distance [m], direction 1 = approaching, speed [km/h],
signal to noise), F8 F7 F6 F5. Source: two published parsers, SafeBaige (J. Duarte, 2025) and
Hi-Link's serial protocol as it cites it.

Channel: ``vehicle_speed_km_h``, one instant per passage.
Further faults: ``corrupt`` cuts one of the frames short; the passage stays countable, so it is
booked as good.
"""

from cobenefit_hil.peers.base import Channels, Fault, Peer

HEADER, TAIL = b"\xf4\xf3\xf2\xf1", b"\xf8\xf7\xf6\xf5"
SPEED = "vehicle_speed_km_h"
FRAMES, LAST_M, FRAME_S = 6, 10, 0.1
EMPTY_FRAMES = 3
APPROACHING = 1
SIGNAL_TO_NOISE = 40
CUT_FRAME = 2


def frame(targets: tuple[tuple[int, int, int], ...]) -> bytes:
    """Return one frame.

    Parameters
    ----------
    targets : tuple of tuple of int
        Angle [degree], distance [m] and speed [km/h] of each target; empty for a clear road.

    Returns
    -------
    bytes
        The frame as the radar sends it.
    """
    body = bytes((len(targets), 1 if targets else 0))
    for angle_deg, distance_m, speed_km_h in targets:
        body += bytes((angle_deg + 0x80, distance_m, APPROACHING, speed_km_h, SIGNAL_TO_NOISE))
    return HEADER + len(body).to_bytes(2, "little") + body + TAIL


def passage(speed_km_h: int) -> list[bytes]:
    """Return the frames of one vehicle that passes.

    Parameters
    ----------
    speed_km_h : int
        Spot speed, 1-250. [km/h]

    Returns
    -------
    list of bytes
        One frame each tenth of a second down to 10 m, then the empty road.
    """
    step_m = speed_km_h / 3.6 * FRAME_S
    distances_m = [LAST_M + round(step_m * left) for left in reversed(range(FRAMES))]
    seen = [frame(((-3, distance_m, speed_km_h),)) for distance_m in distances_m]
    return seen + [frame(())] * EMPTY_FRAMES


class RadarPeer(Peer):
    """A radar beside one lane."""

    kinds = ("clock", "corrupt")

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        frames = passage(values[SPEED])
        if fault is not None and fault.kind == "corrupt":
            frames[CUT_FRAME] = frames[CUT_FRAME][:-6]
        self.sensor.write(b"".join(frames))
        return {}
