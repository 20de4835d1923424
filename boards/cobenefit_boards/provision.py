"""What each node of a batch is given: identity, key, certificate, configuration, as flash images.

A folder per node below the batch's: `vfs.bin` and `nvs.bin` for the flasher, `record.json` for
the files. The images hold the node's secrets: the folder is its owner's alone, and nothing here
prints or logs them. A folder appears whole or not at all.
"""

import contextlib
import csv
import datetime as dt
import getpass
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import littlefs

from cobenefit_boards import authority, batch_authority, board, flash_image
from cobenefit_boards.private_file import write_synced
from cobenefit_node import config as node_config
from cobenefit_wire import topics

RECORD = "record.json"
BLOCK = 4096
_NEEDED = ("site", "device", "board", "config")
_OPTIONAL = ("mac", "wifi_ssid", "wifi_password", "note")


class ProvisionError(ValueError):
    """The batch, or a node's folder, is wrong; says file, line or key, and what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """One row of a batch.

    Attributes
    ----------
    site, device : str
        The node's name.
    board : str
        Name of its board file.
    config : Path
        Its configuration but for what the row says.
    mac : str
        The one board it is for; empty for any of its kind.
    wifi_ssid, wifi_password : str
        Take the place of those in the configuration.
    note : str
        Printed on the label.
    """

    site: str
    device: str
    board: str
    config: Path
    mac: str = ""
    wifi_ssid: str = ""
    wifi_password: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Return `<site>/<device>`."""
        return f"{self.site}/{self.device}"

    def __repr__(self) -> str:
        """Return it without the password."""
        return f"Order({self.name}, {self.board})"


def read_batch(path: Path) -> list[Order]:
    """Read a batch, all of it checked.

    Parameters
    ----------
    path : Path
        CSV with the columns site, device, board, config, and if need be mac, wifi_ssid,
        wifi_password, note.

    Returns
    -------
    list of Order
        In the order of the file.

    Raises
    ------
    ProvisionError
        If a column, a name, a board, a file is wrong or stands there twice.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        columns = set(table.fieldnames or ())
        if wrong := (set(_NEEDED) - columns) | (columns - set(_NEEDED) - set(_OPTIONAL)):
            raise ProvisionError(
                f"{path}: column {min(wrong)!r} is missing or unknown; it takes "
                f"{', '.join(_NEEDED)}, and if need be {', '.join(_OPTIONAL)}"
            )
        orders = [_order(path, table.line_num, row) for row in table]
    for what in ("name", "mac"):
        values = [getattr(order, what) for order in orders if getattr(order, what)]
        if twice := [value for value in values if values.count(value) > 1]:
            raise ProvisionError(f"{path}: {what} {twice[0]} stands there twice")
    return orders


def _order(path: Path, line: int, row: dict[str, str]) -> Order:
    where = f"{path}: line {line}"
    cells = {key: (value or "").strip() for key, value in row.items() if key}
    if None in row or any(not cells[key] for key in _NEEDED):
        raise ProvisionError(f"{where}: a cell is empty or there is one too many")
    try:
        topics.build(cells["site"], cells["device"], "cmd")
    except ValueError as err:
        raise ProvisionError(f"{where}: {err}") from err
    if cells["board"] not in board.names():
        raise ProvisionError(f"{where}: board is {cells['board']}: see `cobenefit boards list`")
    cells["mac"] = cells.get("mac", "").lower().replace("-", ":")
    config = path.parent / cells.pop("config")
    if not config.is_file():
        raise ProvisionError(f"{where}: {config}: no such configuration")
    return Order(config=config, **cells)


def provision(  # noqa: PLR0917
    order: Order, out: Path, folder: Path, images: Path, firmware: Path, days: float = 365.0
) -> bool:
    """Make a node's folder, unless there is one made of the same.

    Parameters
    ----------
    order : Order
        The node.
    out : Path
        The batch's folder.
    folder : Path
        Of the batch's authority.
    images : Path
        The cache of firmware images, whose partition table says where things go.
    firmware : Path
        Folder of `main.py`, `cobenefit_node/` and `cobenefit_wire/`, sources or .mpy.
    days : float
        How long the certificate is valid, > 0. [d]

    Returns
    -------
    bool
        Whether it was made now.

    Raises
    ------
    ProvisionError
        If the folder was made of something else, or an input is wrong.
    """
    image = flash_image.load(board.load(order.board), images)
    config = configuration(order)
    software = _software(firmware)
    digest = _digest({"config": json.dumps(config, sort_keys=True).encode(),
                      "image": image.sha256.encode(), **software})  # fmt: skip
    target = out / order.site / order.device
    if _made_before(target, digest):
        return False
    made = batch_authority.issue(folder, order.name, days)
    files = {**software, **_secrets(order, made, folder), "config.json": _json(config)}
    images_made = {"vfs": (image.vfs[0], file_system(files, image.vfs[1]))}
    if image.nvs[1]:  # a Pico has none
        images_made["nvs"] = (image.nvs[0], _nvs(order, image.nvs[1]))
    record = {
        "node": order.name,
        "board": order.board,
        "note": order.note,
        "made": who(),
        "inputs_sha256": digest,
        "firmware": {"file": image.path.name, "sha256": image.sha256},
        **_facts(images_made, made),
    }
    blobs = {f"{key}.bin": data for key, (_, data) in images_made.items()}
    _place(target, {**blobs, "cert.der": made.der()[0], RECORD: _json(record)})
    return True


def who() -> dict[str, str]:
    """Return who does something now, for a record: time and login name."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"at": at, "by": getpass.getuser()}


def _made_before(target: Path, digest: str) -> bool:
    if not (target / RECORD).exists():
        return False
    if json.loads((target / RECORD).read_text())["inputs_sha256"] != digest:
        raise ProvisionError(
            f"{target} was made of another configuration, firmware or image, and may be on a "
            "board: move it away to make it anew, and revoke its certificate"
        )
    return True


def _facts(
    images: dict[str, tuple[int, bytes]], made: authority.Identity
) -> dict[str, dict[str, Any]]:
    return {
        "images": {
            key: {"offset": offset, "bytes": len(data), "sha256": _sha(data)}
            for key, (offset, data) in images.items()
        },
        "certificate": {
            "sha256": _sha(made.der()[0]),
            "serial": str(made.certificate.serial_number),
            "until": made.certificate.not_valid_after_utc.isoformat(),
        },
    }


def configuration(order: Order) -> dict[str, Any]:
    """Return the `config.json` of a node.

    Parameters
    ----------
    order : Order
        The node.

    Returns
    -------
    dict
        The configuration of its row with its name, board, Wi-Fi and the files of its identity.

    Raises
    ------
    ProvisionError
        If the file is no JSON object, or a node would not start with it.
    """
    try:
        raw = json.loads(order.config.read_text(encoding="utf-8"))
    except ValueError as err:
        raise ProvisionError(f"{order.config}: not JSON: {err}") from err
    if not isinstance(raw, dict):
        raise ProvisionError(f"{order.config}: is not a JSON object")
    raw |= {"site": order.site, "device": order.device, "board": order.board}
    if order.wifi_ssid:
        raw["wifi"] = {**raw.get("wifi", {}), "ssid": order.wifi_ssid}
        raw["wifi"]["password"] = order.wifi_password
    broker = raw.get("broker")
    if isinstance(broker, dict) and isinstance(broker.get("tls"), dict):
        broker["tls"] |= {"ca": "ca.der", "cert": "cert.der", "key": "key.der"}
    try:
        node_config.parse(raw, str(order.config))
    except node_config.ConfigError as err:
        raise ProvisionError(f"{order.name}: {err}") from err
    return raw


def file_system(files: dict[str, bytes], size: int) -> bytes:
    """Return a littlefs image as MicroPython mounts it.

    Parameters
    ----------
    files : dict of str to bytes
        Path to contents.
    size : int
        Of the partition, a multiple of 4096. [B]

    Returns
    -------
    bytes
        Exactly so many.

    Raises
    ------
    ProvisionError
        If they do not fit.
    """
    disk = littlefs.LittleFS(
        block_size=BLOCK, block_count=size // BLOCK, read_size=32, prog_size=32,
        lookahead_size=32, disk_version=0x00020000,
    )  # fmt: skip
    try:
        for path, data in files.items():
            if parent := os.path.dirname(path):  # noqa: PTH120  a path on the board
                disk.makedirs(parent, exist_ok=True)
            with disk.open(path, "wb") as file:
                file.write(data)
    except littlefs.LittleFSError as err:
        raise ProvisionError(f"the files do not fit into {size} bytes: {err}") from err
    return bytes(disk.context.buffer)


def _software(firmware: Path) -> dict[str, bytes]:
    if not (firmware / "main.py").is_file():
        raise ProvisionError(f"{firmware}: no main.py: give the folder of the node's software")
    found = [
        p for name in ("cobenefit_node", "cobenefit_wire") for p in (firmware / name).rglob("*")
    ]
    paths = [firmware / "main.py", *sorted(p for p in found if p.suffix in {".py", ".mpy"})]
    return {str(path.relative_to(firmware)): path.read_bytes() for path in paths}


def _secrets(order: Order, made: authority.Identity, folder: Path) -> dict[str, bytes]:
    certificate, key = made.der()
    files = {"cert.der": certificate, "key.der": key}
    files["ca.der"] = (folder / "ca.der").read_bytes()
    files["device.secret"] = batch_authority.device_secret(folder, order.name)
    update = folder / "update.key"
    if update.exists():
        files["update.key"] = update.read_bytes()
    return files


def _nvs(order: Order, size: int) -> bytes:
    """Return an NVS partition that says who the board is, even with its file system erased."""
    rows = ["key,type,encoding,value", "cobenefit,namespace,,"]
    rows += [f"site,data,string,{order.site}", f"device,data,string,{order.device}", ""]
    with tempfile.TemporaryDirectory() as work:
        table, image = Path(work, "nvs.csv"), Path(work, "nvs.bin")
        table.write_text("\n".join(rows), encoding="utf-8")
        tool = [sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate"]
        ran = subprocess.run(
            [*tool, str(table), str(image), hex(size)], capture_output=True, text=True, check=False
        )
        if ran.returncode or not image.exists():
            raise ProvisionError(
                f"esp_idf_nvs_partition_gen failed; is [boards] installed? {ran.stderr[-300:]}"
            )
        return image.read_bytes()


def _place(target: Path, files: dict[str, bytes]) -> None:
    """Write a folder beside its place, then rename it: after a cut there is all of it or none."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        raise ProvisionError(f"{target} has no {RECORD}: move it away")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, work, ignore_errors=True)
        for name, data in files.items():
            write_synced(work / name, data)
        work.rename(target)
        undo.pop_all()


def _digest(files: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name} {_sha(files[name])}\n".encode())
    return total.hexdigest()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
