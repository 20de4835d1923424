"""A sheet of labels for a batch: PDF, with a QR code per node, in French and English.

The code holds `CB1 <site>/<device> <mac> <certificate>`: who the node is, the MAC of its board or
`-` before it is flashed, and the first 16 digits of its certificate's SHA-256. No secret.
"""

import io
import json
from pathlib import Path
from typing import Any

import segno
import typst

from cobenefit_boards.private_file import write_synced

SHEET = "labels.pdf"
_TEMPLATE = Path(__file__).with_name("labels.typ")
_DIGITS = 16


def text(record: dict[str, Any]) -> str:
    """Return what the QR code of a node says.

    Parameters
    ----------
    record : dict
        Its `record.json`.

    Returns
    -------
    str
        One line.
    """
    mac = _mac(record) or "-"
    return f"CB1 {record['node']} {mac} {record['certificate']['sha256'][:_DIGITS]}"


def write(folder: Path) -> Path:
    """Write the sheet of a batch; the same nodes give the same bytes.

    Parameters
    ----------
    folder : Path
        The batch's, with a `record.json` per node.

    Returns
    -------
    Path
        The sheet.
    """
    paths = sorted(folder.glob("*/*/record.json"))
    rows = [_row(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    made = typst.compile(
        _TEMPLATE.read_bytes(), ignore_system_fonts=True, sys_inputs={"rows": json.dumps(rows)}
    )
    beside = folder / f".{SHEET}"
    write_synced(beside, made)
    return beside.rename(folder / SHEET)


def _row(record: dict[str, Any]) -> dict[str, str]:
    site, device = record["node"].split("/")
    digits = record["certificate"]["sha256"][:_DIGITS]
    return {
        "site": site,
        "device": device,
        "mac": _mac(record),
        "board": record["board"],
        "note": record["note"],
        "fingerprint": " ".join(digits[i : i + 4] for i in range(0, _DIGITS, 4)),
        "says": text(record),
        "code": _code(text(record)),
    }


def _mac(record: dict[str, Any]) -> str:
    return str(record.get("flash", {}).get("mac") or "")


def _code(says: str) -> str:
    """Return a QR code as SVG, with the margin of four modules that readers need."""
    drawn = io.BytesIO()
    code = segno.make(says, error="m", micro=False)
    code.save(drawn, kind="svg", xmldecl=False, svgns=True, border=4)
    return drawn.getvalue().decode()
