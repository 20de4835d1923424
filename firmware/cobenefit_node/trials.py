"""Which configuration and which certificate are in force: the bench's, or one that came later.

What comes later is written beside what is in force and runs on trial from the next boot. Until
the gateway acknowledges something, each boot is counted; after `TRIES` boots, a crash or its time,
what was in force before runs again and the counter is refused for good. The state is a `Twin` and
holds the CRC32 of the files: a power cut leaves the old or the new, and damage is found.

    config       config.a, config.b             instead of config.json
    certificate  cert.a, key.a, ca.a and .b     instead of the files that `broker.tls` names
"""

from binascii import crc32

from cobenefit_node.twin import Twin
from cobenefit_wire import messages
from cobenefit_wire.hints import Any

STATE = "remote"
TRIES = 3
FILES = {"config": ("config",), "certificate": ("cert", "key", "ca")}
#: A counter moves at most so far, so that a stranger can't use them up. [1]
_FURTHEST = 1000


class Trials:
    """The state of each subject, [counter, slot, crc, outcome, detail], and the one trial.

    `trial` is [] or [subject, counter, slot, crc, boots, confirm_s]; a slot is "", "a" or "b".
    """

    def __init__(self) -> None:
        self._twin = Twin(STATE)
        rows, trial = self._twin.load() or ([], [])
        self.trial: list[Any] = trial
        self.rows: dict[str, list[Any]] = dict([(row[0], row[1:]) for row in rows])  # noqa: C404

    def row(self, subject: str) -> list[Any]:
        """Return [counter, slot, crc, outcome, detail] of a subject."""
        return self.rows.get(subject, [0, "", 0, "", ""])

    def wants(self, subject: str, counter: int) -> bool:
        """Whether a counter is a new one."""
        return 0 < counter - self.row(subject)[0] <= _FURTHEST

    def slot(self, subject: str) -> tuple[Any, ...]:
        """Return slot and CRC32 in force now, on trial or not; ("", 0) for what the bench gave."""
        if self.trial and self.trial[0] == subject:
            return self.trial[2], self.trial[3]
        row = self.row(subject)
        return row[1], row[2]

    def begin(
        self, subject: str, counter: int, contents: tuple[bytes, ...], confirm_s: int
    ) -> None:
        """Write the files of a subject, to run from the next boot on; OSError by the flash."""
        slot = "b" if self.row(subject)[1] == "a" else "a"
        for name, content in zip(FILES[subject], contents):
            with open(name + "." + slot, "wb") as f:
                f.write(content)
                f.flush()
        crc = checksum(subject, slot)
        if crc != crc32(b"".join(contents)) & 0xFFFFFFFF:
            raise OSError("the flash does not hold what was written")
        self.trial = [subject, counter, slot, crc, 0, confirm_s]
        self._save()

    def note(self, subject: str, counter: int, outcome: str, detail: str) -> messages.Result:
        """Remember what became of a counter, and return it to be said."""
        self._set(subject, counter, self.row(subject)[1:3], outcome, detail)
        self._save()
        return self.result(subject)

    def confirm(self) -> messages.Result:
        """Keep what is on trial: it has reached the gateway."""
        subject, counter, slot, crc = self.trial[:4]
        self.trial = []
        self._set(subject, counter, [slot, crc], "confirmed", "")
        self._save()
        return self.result(subject)

    def roll_back(self, reason: str) -> messages.Result:
        """Give up what is on trial; what was in force before runs from the next boot on."""
        subject, counter = self.trial[:2]
        self.trial = []
        return self.note(subject, counter, "rolled back", reason)

    def drop(self, subject: str, reason: str) -> messages.Result:
        """Go back to what the bench gave: what is in force is damaged, or no longer understood."""
        self._set(subject, self.row(subject)[0], ["", 0], "damaged", reason)
        self._save()
        return self.result(subject)

    def result(self, subject: str) -> messages.Result:
        """Return what there is to say of a subject."""
        if self.trial and self.trial[0] == subject:
            return messages.Result(subject, self.trial[1], "trial", "")
        row = self.row(subject)
        return messages.Result(subject, row[0], row[3], row[4])

    def count_boot(self) -> None:
        """Count a boot of the trial, or give it up."""
        if self.trial and self.trial[4] >= TRIES:
            self.roll_back("not confirmed in %d boots" % TRIES)
        elif self.trial:
            self.trial[4] += 1
            self._save()

    def _set(self, subject: str, counter: int, kept: list[Any], outcome: str, detail: str) -> None:
        self.rows[subject] = [counter, kept[0], kept[1], outcome, detail[:80]]

    def _save(self) -> None:
        rows = [[subject] + row for subject, row in self.rows.items()]  # noqa: RUF005
        self._twin.save([rows, self.trial])


def failed(reason: str) -> bool:
    """Blame a crash on the trial, if there is one; return whether there was."""
    trials = Trials()
    if trials.trial:
        trials.roll_back(reason)
        return True
    return False


def checksum(subject: str, slot: str) -> int:
    """Return the CRC32 of a subject's files in a slot; OSError when one is missing [1]."""
    crc = 0
    for name in FILES[subject]:
        with open(name + "." + slot, "rb") as f:
            crc = crc32(f.read(), crc)
    return crc & 0xFFFFFFFF
