"""What must outlive a power cut: resets by cause, and the sets of cells a node has used up.

In a `Twin`, written once at each start that is no wake, and when the battery has fallen by 100 mV.
A new set of cells is a battery voltage that rose by `jump_mv` over the last one kept, seen when
the node starts; where that can't tell (cells changed early), `set` in the configuration counts.
"""

from cobenefit_node.twin import Twin
from cobenefit_wire.hints import Any

POWER_ON, DEEP_SLEEP = 1, 4
_CAUSES = 6
#: A step of the voltage that is worth a write: some twenty in the life of a set of cells. [mV]
_STEP_MV = 100
_SAMPLES = 5
_FULL_UV = 3_300_000


class Account:
    """Counters of the whole life of a node."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        item = twin.load() or [[0] * _CAUSES, 0, 0, 0]
        self.causes, self.battery_mv, self.changes, self._set = item

    def started(self, cause: int) -> None:
        """Count a start that is no wake; OSError when the flash refuses."""
        if 1 <= cause <= _CAUSES:
            self.causes[cause - 1] += 1
        self._save()

    def battery(self, mv: int, jump_mv: int, told: int) -> None:
        """Take the voltage at a start [mV], and the number of the set the configuration tells."""
        if told:
            self.changes += max(0, told - max(1, self._set))
            self._set = told
        elif self.battery_mv and mv >= self.battery_mv + jump_mv:
            self.changes += 1
        self.battery_mv = mv

    def discharged(self, mv: int) -> None:
        """Take the voltage of a moment [mV], written when it is a step lower."""
        if mv <= self.battery_mv - _STEP_MV:
            self.battery_mv = mv
            self._save()

    def _save(self) -> None:
        self._twin.save([self.causes, self.battery_mv, self.changes, self._set])


class Battery:
    """The battery behind a divider on an analogue input."""

    def __init__(self, adc: Any, wired: Any, account: Account) -> None:
        self._adc = adc
        self._scale_permille = wired.scale_permille
        self._account = account

    def mv(self) -> int:
        """Return the voltage of the battery, the median of some samples [mV]."""
        uv = sorted(self._sample_uv() for _ in range(_SAMPLES))[_SAMPLES // 2]
        return uv * self._scale_permille // 1_000_000

    def watch(self) -> int:
        """Return the voltage and note its fall [mV]."""
        mv = self.mv()
        self._account.discharged(mv)
        return mv

    def _sample_uv(self) -> int:
        if hasattr(self._adc, "read_uv"):  # calibrated, on esp32
            uv: int = self._adc.read_uv()
            return uv
        raw: int = self._adc.read_u16()
        return raw * _FULL_UV // 65_535


def open_account(config: Any, board: Any, cause: int, ledger: Any) -> None:
    """Count this start, unless it is a wake, and tell the ledger; OSError from flash or input."""
    account = Account(Twin("account"))
    wired = config.battery
    if wired is not None:
        battery = Battery(board.adc(wired.adc), wired, account)
        ledger.battery = battery.watch
        if cause != DEEP_SLEEP:
            account.battery(battery.mv(), wired.jump_mv, wired.set)
    if cause != DEEP_SLEEP:
        account.started(cause)
    ledger.causes = account.causes
    ledger.battery_changes = account.changes
