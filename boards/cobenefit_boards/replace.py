"""A node's board is exchanged: its name and channels stay, so its history goes on.

The new board was provisioned under the same name. What remains is what no sensor sees: where the
counters stood when the one was taken out and the other put in, the kilometres of the visit, and
that the old certificate must not connect any more. The first two go on as activities, the form
in which the backend takes what people did.
"""

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import littlefs

from cobenefit_boards import provision, revocation
from cobenefit_boards.private_file import write_synced
from cobenefit_node import drivers
from cobenefit_wire import units

RECORD = "replacement.json"
USE_CASE = "maintenance"
#: The columns of `POST /v1/activities`, see docs/reference/contracts.md.
COLUMNS = (
    "id", "site", "use_case", "date", "place", "quantity", "amount", "unit", "arm", "evidence",
    "author",
)  # fmt: skip
#: Drivers that read a register which the meter keeps; the others count on the board itself.
_REGISTERS = ("tic", "p1", "iec62056", "modbus")
Index = tuple[float, float]


class ReplaceError(ValueError):
    """The two boards are not one node's, or a figure is missing; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What happened at a visit.

    Attributes
    ----------
    node : str
        `<site>/<device>`.
    date : str
        Day of the visit at the site, YYYY-MM-DD.
    by : str
        Who entered it.
    km : float
        Driven for it, >= 0. [km]
    note : str
        What the technician wants to keep.
    old_mac, new_mac : str
        The boards.
    old_certificate, new_certificate : str
        SHA-256 of theirs, hexadecimal.
    indexes : dict of str to tuple of float
        Counter channel to the last index of the old board and the first of the new one. [unit of
        the quantity]
    restarted : list of str
        Of these channels, those that count from another index since: nothing was used in between.
    """

    node: str
    date: str
    by: str
    km: float
    note: str
    old_mac: str
    new_mac: str
    old_certificate: str
    new_certificate: str
    indexes: dict[str, Index]
    restarted: list[str]


def describe(
    old: Path, new: Path, indexes: Mapping[str, Index], *,
    km: float, date: str, note: str, new_meter: bool,
) -> Swap:  # fmt: skip
    """Return what happened, all of it checked; changes nothing.

    Parameters
    ----------
    old, new : Path
        Folders of the node that `provision` made, for the board that was taken out and the one
        that was put in.
    indexes : mapping
        As `Swap.indexes`; one for each counter of the node. [unit of the quantity]
    km : float
        Driven for the visit, >= 0. [km]
    date : str
        YYYY-MM-DD.
    note : str
        Anything.
    new_meter : bool
        Whether the meter was exchanged, too.

    Returns
    -------
    Swap
        To be written down by `write`.

    Raises
    ------
    ReplaceError
        If the boards are not of one node, measure other channels, or an index is missing.
    """
    before, after = _record(old), _record(new)
    if before["node"] != after["node"]:
        raise ReplaceError(
            f"{new} is {after['node']}, not {before['node']}: provision the new board under the "
            "name of the old one"
        )
    old_mac, new_mac = (str(r.get("flash", {}).get("mac") or "") for r in (before, after))
    if new_mac in ("", old_mac):
        raise ReplaceError(f"{new} is on no board yet, or on the same: flash the new board first")
    had, has = channels(_config(old)), channels(_config(new))
    if missing := sorted(set(had) - set(has)):
        raise ReplaceError(f"{new} does not measure {missing[0]}: give it the sensors of {old}")
    _check_indexes(had, indexes)
    restarted = [name for name in indexes if new_meter or had[name] not in _REGISTERS]
    for name in set(indexes) - set(restarted):
        if indexes[name][1] < indexes[name][0]:
            raise ReplaceError(f"{name} went back: correct --index, or say --new-meter")
    try:
        dt.date.fromisoformat(date)
    except ValueError as err:
        raise ReplaceError(f"date is {date!r}: write YYYY-MM-DD") from err
    return Swap(
        node=before["node"], date=date, by=provision.who()["by"], km=km, note=note,
        old_mac=old_mac, new_mac=new_mac, old_certificate=before["certificate"]["sha256"],
        new_certificate=after["certificate"]["sha256"], indexes=dict(indexes),
        restarted=restarted,
    )  # fmt: skip


def write(swap: Swap, old: Path, new: Path, fleet: Path, visits: Path) -> bytes:
    """Write a swap down, shut the old certificate out, and return the new lists of revoked ones.

    Parameters
    ----------
    swap : Swap
        From `describe`.
    old, new : Path
        The node's folders; the new one gets `replacement.json`.
    fleet : Path
        The operator's authority.
    visits : Path
        CSV of activities; is made, or added to. The same swap stands there once.

    Returns
    -------
    bytes
        PEM, for the broker's `crlfile`.
    """
    crl = revocation.revoke(fleet, [(old / "cert.der").read_bytes()])
    known = _read(visits)
    added = [row for row in activities(swap) if row["id"] not in known]
    with visits.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        if not file.tell():
            table.writeheader()
        table.writerows(added)
    text = json.dumps(asdict(swap), indent=1, ensure_ascii=False) + "\n"
    write_synced(new / RECORD, text.encode())
    return crl


def activities(swap: Swap) -> list[dict[str, Any]]:
    """Return a swap as activities.

    Parameters
    ----------
    swap : Swap
        What happened.

    Returns
    -------
    list of dict
        The visit's kilometres, and two indexes per counter: `index_before` and `index_after` of
        one that restarted, which the backend joins; `index_last` and `index_first` of a meter that
        ran on, for the record.
    """
    site, device = swap.node.split("/")
    common = {"site": site, "use_case": USE_CASE, "date": swap.date, "arm": "", "author": swap.by}
    common["evidence"] = f"board {swap.old_mac or '?'} replaced by {swap.new_mac}"
    rows = [{"place": device, "quantity": "visit_distance", "amount": swap.km, "unit": "km"}]
    for channel, pair in swap.indexes.items():
        unit = units.QUANTITIES[units.quantity_of(channel)].unit
        place = f"{device}/{channel}"
        names = ("before", "after") if channel in swap.restarted else ("last", "first")
        rows += [
            {"place": place, "quantity": f"index_{name}", "amount": amount, "unit": unit}
            for name, amount in zip(names, pair, strict=True)
        ]
    key = f"swap {swap.new_certificate[:16]}"
    return [
        {**common, **row, "id": f"{key} {row['quantity']} {row['place']}"[:100]} for row in rows
    ]


def channels(config: dict[str, Any]) -> dict[str, str]:
    """Return the channels that a node with a configuration sends, as its drivers name them.

    Parameters
    ----------
    config : dict
        Its `config.json`.

    Returns
    -------
    dict of str to str
        Channel to driver.
    """
    found: dict[str, str] = {}
    for sensor in config["sensors"]:
        options = {key: sensor[key] for key in sensor if key not in ("driver", "period_ms")}
        made = drivers.make(sensor["driver"], _Unwired(), options)
        found |= dict.fromkeys(made.channels, sensor["driver"])
    return found


class _Unwired:
    """A board whose drivers are made and never read."""

    stepped = True

    def __getattr__(self, name: str) -> Any:
        if name not in ("uart", "counter", "adc", "i2c", "onewire"):
            raise AttributeError(name)
        return lambda *_: None


def _check_indexes(had: Iterable[str], indexes: Mapping[str, Index]) -> None:
    kinds = {name: units.QUANTITIES[units.quantity_of(name)].kind for name in had}
    counters = [name for name, kind in kinds.items() if kind == units.COUNTER]
    if missing := [name for name in counters if name not in indexes]:
        raise ReplaceError(f"{missing[0]} is a counter: give --index {missing[0]}=LAST:FIRST")
    if wrong := [name for name in indexes if name not in counters]:
        raise ReplaceError(f"{wrong[0]} is no counter of this node; they are {counters}")


def _record(folder: Path) -> dict[str, Any]:
    path = folder / provision.RECORD
    if not path.exists():
        raise ReplaceError(f"{path} is missing: give the folder of a node, BATCH/SITE/DEVICE")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _config(folder: Path) -> dict[str, Any]:
    """Return what a node was given as its configuration."""
    image = bytearray((folder / "vfs.bin").read_bytes())
    disk = littlefs.LittleFS(
        block_size=provision.BLOCK, block_count=len(image) // provision.BLOCK, mount=False
    )
    disk.context.buffer = image
    disk.mount()
    with disk.open("config.json", "rb") as file:
        config: dict[str, Any] = json.loads(file.read())
    return config


def _read(path: Path) -> set[str]:
    """Return the ids that stand in a CSV of activities."""
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise ReplaceError(f"{path} is no CSV of activities: give another file to --visits")
        return {row["id"] for row in table}
