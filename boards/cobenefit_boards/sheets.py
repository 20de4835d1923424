"""The page on boards and its wiring drawings, made from the board files.

cobenefit boards docs
"""

from collections.abc import Mapping
from pathlib import Path

from cobenefit_boards import wiring
from cobenefit_boards.board import Board, load, names

PAGE = "reference/board-sheets.md"
IMAGES = "images/wiring"
_HEAD = """# Board sheets

Made from the board files by `cobenefit boards docs`; change those, not this page. What the tables
of a file mean: [Boards](boards.md). Nothing that nobody published is shown.

**Before you wire:** unplug everything. Inputs take 3.3 V at most. Where mains are near – in a
meter's cabinet – let an electrician do it; the outputs drawn here are the customer's, behind a
cover without a seal.
"""


def pages() -> dict[str, str]:
    """Return every file of the documentation that is made from board files.

    Returns
    -------
    dict of str to str
        Path below the documentation to content.
    """
    boards = [load(name) for name in names()]
    files = {PAGE: _HEAD + "".join(_sheet(board) for board in boards)}
    for board in boards:
        for plan in _plans(board):
            files[_image(board, plan)] = wiring.draw(board, plan)
    return files


def write(folder: Path) -> int:
    """Write them, and take away drawings that are no more.

    Parameters
    ----------
    folder : Path
        Of the documentation.

    Returns
    -------
    int
        How many. [1]
    """
    files = pages()
    for old in (folder / IMAGES).glob("*.svg"):
        if f"{IMAGES}/{old.name}" not in files:
            old.unlink()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(files)


def _plans(board: Board) -> list[wiring.Plan]:
    return [] if board.virtual or not board.pins else wiring.plans(board)


def _image(board: Board, plan: wiring.Plan) -> str:
    return f"{IMAGES}/{board.name}-{plan.name}.svg"


def _sheet(board: Board) -> str:
    proof = f"{board.proof.level}{' ' + board.proof.date if board.proof.date else ''}"
    rows = [
        ("Proof", f"{proof}: {board.proof.how}"),
        ("Chip, MicroPython", f"{board.flash.chip}, {board.flash.micropython_id or 'none'}"),
        ("Pins", ", ".join(f"{key} {pin}" for key, pin in board.pins.items())),
        ("Module at 3.3 V", _currents(board.current.module_ma)),
        ("Board at 5 V", _currents(board.current.board_ma)),
    ]
    lines = [f"\n## {board.title}", "", f"`{board.name}`", "", "| | |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in rows if value]
    for plan in _plans(board):
        alt = "; ".join(f"{_end(w.left)} to {_end(w.right)}" for w in plan.wires)
        lines += ["", f"![{plan.title}: {alt}](../{_image(board, plan)})"]
    lines += ["", "Sources:", ""]
    lines += [f"- {key}: {text}" for key, text in board.sources.items()]
    return "\n".join(lines) + "\n"


def _currents(currents: Mapping[str, float]) -> str:
    return ", ".join(f"{state} {value:g} mA" for state, value in currents.items())


def _end(end: str) -> str:
    return end.replace(":", " ")
