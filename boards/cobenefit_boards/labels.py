"""A sheet of labels for a batch: HTML with a QR code per node, for any printer and no network.

The code holds `CB1 <site>/<device> <mac> <certificate>`: who the node is, the MAC of its board or
`-` before it is flashed, and the first 16 digits of its certificate's SHA-256. No secret.
"""

import html
import io
import json
from pathlib import Path
from typing import Any

import segno

SHEET = "labels.html"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Labels</title>
<style>
@page {{ size: A4; margin: 8mm }}
body {{ margin: 0; font: 8pt/1.3 sans-serif; display: grid; grid-template-columns: repeat(3, 63mm);
 gap: 2mm }}
article {{ display: grid; grid-template-columns: 26mm 1fr; gap: 2mm; align-items: center;
 height: 30mm; padding: 1mm; border: .2mm dashed #999; break-inside: avoid; overflow: hidden }}
svg {{ width: 26mm; height: 26mm }}
b {{ font-size: 10pt; overflow-wrap: anywhere }}
</style>
{labels}
</html>
"""


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
    mac = record.get("flash", {}).get("mac") or "-"
    return f"CB1 {record['node']} {mac} {record['certificate']['sha256'][:16]}"


def write(folder: Path) -> Path:
    """Write the sheet of a batch.

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
    rows = [_label(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    sheet = folder / SHEET
    sheet.write_text(_PAGE.format(labels="\n".join(rows)), encoding="utf-8")
    return sheet


def _label(record: dict[str, Any]) -> str:
    drawn = io.BytesIO()
    code = segno.make(text(record), error="m", micro=False)
    code.save(drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4)
    lines = [record["board"], record.get("flash", {}).get("mac", ""), record["note"]]
    shown = "<br>".join(html.escape(line) for line in lines if line)
    name = html.escape(record["node"])
    return f"<article>{drawn.getvalue().decode()}<p><b>{name}</b><br>{shown}</p></article>"
