"""A capacitive soil probe on an analogue input: a file that holds what the converter reads.

The file is ``<device>.adc``, which `machine.ADC` of a virtual board reads. The probe follows a
straight line through two points, (what is read, water content in 1/1000); readings are rounded to
whole counts. Channel: ``soil_moisture_ratio``.
Further faults: ``cut`` is a wire pulled to ground (booked ``out_of_range``). ``silence`` takes the
file away.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

MOISTURE = "soil_moisture_ratio"


class AdcPeer(Peer):
    """The probe."""

    kinds = (*Peer.kinds, "cut")

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        dry: tuple[int, int],
        wet: tuple[int, int],
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self.level = directory / f"{device}.adc"
        self._dry = dry
        self._wet = wet

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        kind = fault.kind if fault is not None else ""
        if kind == "silence":
            self.level.unlink(missing_ok=True)
            return {}
        (dry_raw, dry), (wet_raw, wet) = self._dry, self._wet
        raw = round(dry_raw + (values[MOISTURE] - dry) * (wet_raw - dry_raw) / (wet - dry))
        new = self.level.with_suffix(".new")
        new.write_text("0" if kind == "cut" else str(raw), encoding="ascii")
        new.replace(self.level)
        return {MOISTURE: quality.NAMES[quality.RANGE]} if kind == "cut" else {}
