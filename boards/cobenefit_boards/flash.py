"""Flashes the boards of a batch, many at once, and says of each how far it came.

For each slot: who is there (MAC) – which node that is – firmware – then NVS and file system, in a
second call – then every byte compared by digest. Only then is it *flashed*; *booted* and
*self-test passed* are told by the board's console and reported apart. A Pico takes firmware and
file system in one file, and compares its files itself once it has started (`flash_drive.py`).
"""

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cobenefit_boards import (
    board,
    flash_console,
    flash_drive,
    flash_esptool,
    flash_files,
    flash_image,
    flash_uf2,
    provision,
)
from cobenefit_boards.flash_esptool import FlashError
from cobenefit_boards.flash_journal import Journal
from cobenefit_boards.flash_rig import Slot
from cobenefit_boards.private_file import write_synced
from cobenefit_boards.provision import Order

AT_ONCE = 8
#: Takes slot, node, step and share of the step that is done, 0 to 1.
Tell = Callable[[Slot, str, str, float], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far one board came.

    Attributes
    ----------
    slot : str
        Name of its slot.
    node, mac : str
        Empty as far as unknown.
    flashed, booted, tested : str
        `yes`, `before` (in an earlier run), `no` or `not tried`.
    cause, remedy, detail : str
        Of a failure.
    measured : dict of str to str
        What the self-test said, by its rows.
    """

    slot: str
    node: str = ""
    mac: str = ""
    flashed: str = "no"
    booted: str = "not tried"
    tested: str = "not tried"
    cause: str = ""
    remedy: str = ""
    detail: str = ""
    measured: dict[str, str] = field(default_factory=dict)


@dataclass
class Batch:
    """The nodes, their folders and what was done; hands each board one node.

    Attributes
    ----------
    orders : list of Order
        The nodes.
    out : Path
        Their folders.
    images : Path
        Cache of firmware.
    journal : Journal
        Open.
    note : str
        What the operator wants to keep with each board of this run.
    """

    orders: list[Order]
    out: Path
    images: Path
    journal: Journal
    note: str = ""
    _busy: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bind(self, slot: Slot, found: flash_esptool.Found) -> Order:
        """Return the node that a board is or becomes, and note it before anything is written.

        Parameters
        ----------
        slot : Slot
            Where it is.
        found : Found
            The board.

        Returns
        -------
        Order
            Its node.

        Raises
        ------
        FlashError
            If no node is left for it, or it is in another slot, too.
        """
        with self._lock:
            if found.mac in self._busy:
                raise FlashError(
                    f"slot {self._busy[found.mac]} has a board with the same MAC {found.mac}",
                    "flash one after the other; a MAC is given once",
                )
            order = self._choose(found)
            self._busy[found.mac] = slot.name
            if self.journal.mac_of(order.name) != found.mac:
                self.journal.note("bound", node=order.name, mac=found.mac)
        return order

    def finished(self, slot: Slot) -> Order | None:
        """Return the node that was made last in a slot whose boot drive is gone since.

        Parameters
        ----------
        slot : Slot
            With a `drive`.

        Returns
        -------
        Order or None
            The node, None when the slot made none.
        """
        name = self.journal.made_in(flash_drive.known_as(slot))
        return next((order for order in self.orders if order.name == name), None)

    def _choose(self, found: flash_esptool.Found) -> Order:
        given = {order.name: self.journal.mac_of(order.name) or order.mac for order in self.orders}
        own = [order for order in self.orders if given[order.name] == found.mac]
        free = [order for order in self.orders if not given[order.name]]
        fits = [o for o in own or free if board.load(o.board).flash.chip == found.chip]
        if not fits:
            why = f"is {own[0].board} in the batch" if own else "has no free row in the batch"
            raise FlashError(
                f"the board {found.mac}, an {found.chip}, {why}",
                "add or correct its row, or take it out; nothing was written to it",
            )
        return fits[0]


def flash(slots: Sequence[Slot], batch: Batch, tell: Tell) -> list[Outcome]:
    """Flash what is in the slots, `AT_ONCE` at a time.

    Parameters
    ----------
    slots : sequence of Slot
        Where boards are.
    batch : Batch
        What they become.
    tell : callable
        Is told each step.

    Returns
    -------
    list of Outcome
        One per slot; a failure of one does not stop the others.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda slot: _guarded(slot, batch, tell), slots))


def _guarded(slot: Slot, batch: Batch, tell: Tell) -> Outcome:
    known: dict[str, Any] = {"slot": slot.name}
    try:
        tell(slot, "", "who is it", 0)
        order, found = _who(slot, batch)
        known |= {"mac": found.mac, "node": order.name}
        return _one(slot, batch, order, found, tell)
    except FlashError as err:
        outcome = Outcome(cause=err.cause, remedy=err.remedy, detail=err.detail, **known)
    except (OSError, ValueError) as err:  # an image, a folder or the disk
        outcome = Outcome(cause=str(err), remedy="mend that, run it again", **known)
    tell(slot, outcome.node, "failed", 1)
    return outcome


def _who(slot: Slot, batch: Batch) -> tuple[Order, flash_esptool.Found]:
    """Return the board in a slot and its node; a Pico that shows no drive was made before."""
    if not slot.drive:
        found = flash_esptool.identify(slot)
    elif (done := batch.finished(slot)) and not Path(slot.drive, flash_drive.INFO).exists():
        chip = board.load(done.board).flash.chip
        return done, flash_esptool.Found(batch.journal.mac_of(done.name), chip)
    else:
        found = flash_drive.identify(slot)
    return batch.bind(slot, found), found


def _one(
    slot: Slot, batch: Batch, order: Order, found: flash_esptool.Found, tell: Tell
) -> Outcome:
    image = flash_image.load(board.load(order.board), batch.images)
    folder = batch.out / order.site / order.device
    given, record = _given(folder, image)
    work = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    reached = batch.journal.reached(order.name, work)
    made, mac = "before", found.mac
    if "flashed" not in reached:
        note = {"node": order.name, "mac": mac, "work": work}
        batch.journal.note("begun", **note)
        write = _write_drive if slot.drive else _write_serial
        made, mac = "yes", write(slot, batch.journal, note, found.chip, (image, given), tell)
    judged = flash_console.judge(
        slot, found.chip, reached, lambda step: tell(slot, order.name, step, 0.5)
    )
    for step, state in (("booted", judged.booted), ("tested", judged.tested)):
        if state == "yes":
            batch.journal.note(step, node=order.name, mac=mac, work=work)
    tell(slot, order.name, "done" if not judged.cause else "failed", 1)
    outcome = Outcome(slot.name, order.name, mac, made, **judged._asdict())
    _keep(folder, outcome, batch.note)
    return outcome


Given = tuple[flash_image.Image, list[tuple[int, Path]]]


def _write_serial(  # noqa: PLR0917
    slot: Slot, journal: Journal, note: dict[str, str], chip: str, what: Given, tell: Tell
) -> str:
    """Write firmware, then identity, compare both; return the MAC."""
    image, given = what
    with tempfile.TemporaryDirectory() as cut:
        firmware = []
        for number, part in enumerate(image.parts):
            path = Path(cut, f"{number}.bin")
            path.write_bytes(part.data)
            firmware.append((part.offset, path))
        for step, parts in (("firmware", firmware), ("identity", given)):
            tell(slot, note["node"], step, 0)
            shown = lambda share, step=step: tell(slot, note["node"], step, share)  # noqa: E731
            flash_esptool.write(slot, chip, parts, shown)
            journal.note(step, **note)
        tell(slot, note["node"], "verify", 0)
        flash_esptool.verify(slot, chip, [*firmware, *given], reset=True)
    journal.note("flashed", **note)
    return note["mac"]


def _write_drive(  # noqa: PLR0917
    slot: Slot, journal: Journal, note: dict[str, str], chip: str, what: Given, tell: Tell
) -> str:
    """Copy firmware and file system to a Pico, compare its files; return its chip's number."""
    image, [(offset, path)] = what
    flash_drive.identify(slot)
    vfs = path.read_bytes()
    firmware = flash_uf2.read(image.path.read_bytes(), chip)
    data = flash_uf2.with_file_system(firmware, offset, vfs)
    flash_drive.copy(slot, data, lambda share: tell(slot, note["node"], "copy", share))
    number = "unread"
    if slot.console != "none":
        tell(slot, note["node"], "verify", 0)
        number = flash_files.compare(slot.console, vfs, flash_console.BOOT_S)
    journal.note("flashed", **note | {"mac": number, "detail": flash_drive.known_as(slot)})
    return number


def _given(
    folder: Path, image: flash_image.Image
) -> tuple[list[tuple[int, Path]], dict[str, object]]:
    """Return the node's own images, compared with its record, and what identifies the work."""
    path = folder / provision.RECORD
    if not path.exists():
        raise FlashError(f"{folder} has no {path.name}", "run `cobenefit boards provision` first")
    record = json.loads(path.read_text(encoding="utf-8"))
    parts = []
    for key, facts in record["images"].items():
        file = folder / f"{key}.bin"
        if hashlib.sha256(file.read_bytes()).hexdigest() != facts["sha256"]:
            raise FlashError(f"{file} is not what its record says", "provision this node anew")
        parts.append((int(facts["offset"]), file))
    if record["firmware"]["sha256"] != image.sha256:
        raise FlashError(f"{folder} was made for another firmware", "provision this node anew")
    return parts, {key: record[key] for key in record if key != "flash"}


def _keep(folder: Path, outcome: Outcome, note: str) -> None:
    """Add to the node's record what became of it, who did it and when, in one rename."""
    what = ("mac", "slot", "flashed", "booted", "tested", "cause", "measured")
    record = json.loads((folder / provision.RECORD).read_text(encoding="utf-8"))
    done = {**provision.who(), **{key: getattr(outcome, key) for key in what}, "note": note}
    if outcome.flashed == "before":  # that it was looked at again takes nothing away
        told = record.get("flash", {})
        done |= {key: told[key] for key in ("at", "by") if key in told}
        done |= {key: done[key] or told.get(key, done[key]) for key in ("measured", "note")}
    beside = folder / f".{provision.RECORD}"
    text = json.dumps({**record, "flash": done}, indent=1, ensure_ascii=False) + "\n"
    write_synced(beside, text.encode())
    beside.rename(folder / provision.RECORD)
