"""Which software runs: the factory's, or one of two slots; chosen at boot, before the rest.

A new release runs on trial. Until it is confirmed, each boot is counted; after `TRIES` boots, or
at its deadline, the last confirmed software runs again and the release is refused for good. A
confirmed slot that crashes `TRIES` times in a row gives way to the factory's software (safe mode).

`enter()` is called by `main.py` with the factory's copy of this file, so a broken slot can't
break the choice. The state is a `Twin`: a power cut leaves the old or the new one, never half.
"""

import gc
import sys
from collections import namedtuple

from cobenefit_node.twin import Twin
from cobenefit_wire.hints import Any

STATE = "slots"
KEY_FILE = "update.key"
NAMES = ("app_a", "app_b")
TRIES = 3

#: counter: highest confirmed · active: confirmed slot, "" is the factory's · trial: slot on
#: trial, "" none · trial_counter, trial_boots, confirm_s: of the trial · refused: counter of the
#: release last refused, and `reason` · crashes: in a row, of the active slot · key: public key,
#: b"" is the file's · next_key: takes its place when the trial is confirmed
State = namedtuple(
    "State",
    ("counter", "active", "trial", "trial_counter", "trial_boots", "confirm_s", "refused",
     "reason", "crashes", "key", "next_key"),
)  # fmt: skip
_EMPTY = (0, "", "", 0, 0, 0, 0, "", 0, b"", b"")


class Slots:
    """The state of both slots, and every change it can make."""

    def __init__(self) -> None:
        self._twin = Twin(STATE)
        self.state = State(*(self._twin.load() or _EMPTY))

    def choose(self) -> str:
        """Count this boot and return the slot to run, "" for the factory's software."""
        state = self.state
        if state.trial and state.trial_boots < TRIES:
            self._save(trial_boots=state.trial_boots + 1)
            return state.trial
        if state.trial:
            self.refuse(state.trial_counter, state.reason or "not confirmed")
        return "" if self.state.crashes >= TRIES else self.state.active

    def failed(self, reason: str) -> None:
        """Note that what runs has crashed."""
        if self.state.trial:
            self._save(reason=reason[:80])
        elif self.state.active and self.state.crashes < TRIES:
            self._save(crashes=self.state.crashes + 1)

    def free(self) -> str:
        """Return the slot that a download may overwrite."""
        return NAMES[1] if self.state.active == NAMES[0] else NAMES[0]

    def key(self) -> bytes:
        """Return the public key in force; OSError when the node was given none."""
        if self.state.key:
            return self.state.key
        with open(KEY_FILE, "rb") as f:
            raw: bytes = f.read()
        return raw

    def wants(self, counter: int) -> bool:
        """Whether a release is newer than what was confirmed, tried or refused."""
        state = self.state
        return counter > max(state.counter, state.refused, state.trial_counter)

    def begin_trial(self, slot: str, counter: int, confirm_s: int, next_key: bytes) -> None:
        """Run a complete slot from the next boot on, until confirmed or refused."""
        self._save(
            trial=slot, trial_counter=counter, trial_boots=0, confirm_s=confirm_s,
            next_key=next_key, reason="",
        )  # fmt: skip

    def confirm(self) -> None:
        """Keep what runs: it has reached the gateway."""
        state = self.state
        if state.trial:
            self._save(
                counter=state.trial_counter, active=state.trial, trial="", trial_counter=0,
                reason="", crashes=0, key=state.next_key or state.key, next_key=b"",
            )  # fmt: skip
        elif state.crashes and state.crashes < TRIES:
            self._save(crashes=0)

    def refuse(self, counter: int, reason: str) -> None:
        """Never try a release again; the last confirmed software runs from the next boot on."""
        self._save(
            refused=counter, reason=reason[:80], trial="", trial_counter=0, next_key=b""
        )  # fmt: skip

    def _save(self, **changes: Any) -> None:
        fields = [changes.get(name, old) for name, old in zip(_FIELDS, self.state)]
        self.state = State(*fields)
        self._twin.save(fields)


_FIELDS = (
    "counter", "active", "trial", "trial_counter", "trial_boots", "confirm_s", "refused",
    "reason", "crashes", "key", "next_key",
)  # fmt: skip


def _forget_all() -> None:
    for name in list(sys.modules):
        if name.startswith("cobenefit_"):
            del sys.modules[name]
    gc.collect()


def enter() -> Slots:
    """Put the chosen slot first on the module path and forget the factory's modules."""
    slots = Slots()
    chosen = slots.choose()
    if chosen:
        sys.path.insert(0, chosen)
        _forget_all()
    return slots
