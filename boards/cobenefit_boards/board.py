"""Read a board file into frozen records, refusing a fact without a source.

A value nobody published is absent from the file, never guessed. `[sources]` names, for every
table or for one key of it, where the facts were read.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

FOLDER = Path(__file__).parent
_TABLES = ("flash", "pins", "rig", "footprint", "current")
_Record = TypeVar("_Record")


class BoardError(Exception):
    """A board file is missing or wrong.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    file : str
        File name.
    key : str
        Dotted key, empty for the whole file.
    """

    def __init__(self, message: str, *, file: str, key: str = "") -> None:
        super().__init__(": ".join(part for part in (file, key, message) if part))
        self.file, self.key = file, key


@dataclass(frozen=True, slots=True)
class Flash:
    """What the flasher needs.

    Attributes
    ----------
    chip : str
        Chip name as the flashing tool spells it.
    micropython_id : str
        Board name in MicroPython's tree.
    image_pattern : str
        Shell pattern of the firmware file name.
    method : {'serial', 'uf2', 'process', 'none'}
        How the image reaches the board.
    offset : int or None
        Flash address of the image. [B]
    vfs_offset : int or None
        Flash address of the file system. [B]
    vfs_bytes : int or None
        Size of the file system. [B]
    """

    chip: str
    micropython_id: str
    image_pattern: str
    method: Literal["serial", "uf2", "process", "none"]
    offset: int | None = None
    vfs_offset: int | None = None
    vfs_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Rig:
    """What a test rig may expect.

    Attributes
    ----------
    features : tuple of str
        Features a test may ask for with `needs(...)`.
    baud : int or None
        Speed of the console. [Bd]
    """

    features: tuple[str, ...]
    baud: int | None = None


@dataclass(frozen=True, slots=True)
class Battery:
    """Cells of a battery board.

    Attributes
    ----------
    kind : str
        Cell kind, such as `aa_alkaline`.
    cells : int
        Cells per set. [1]
    """

    kind: str
    cells: int


@dataclass(frozen=True, slots=True)
class FootprintFacts:
    """What the footprint needs.

    Attributes
    ----------
    blocks : mapping of str to int
        Functional block to hardware specification level (Pirson and Bol 2021). [1]
    powered_by : {'mains', 'battery'}
        Where its energy comes from.
    lifetime_years : float
        Assumed life in service. [yr]
    mass_g : float or None
        Mass. [g]
    power_mw : mapping of str to float
        Power per state, such as `active` or `deep_sleep`. [mW]
    battery : Battery or None
        Cells, for a battery board.
    power_of : {'board', 'chip'}
        Whose power that is: measured on the board, or the chip's in its data sheet.
    """

    blocks: Mapping[str, int]
    powered_by: Literal["mains", "battery"]
    lifetime_years: float
    mass_g: float | None = None
    power_mw: Mapping[str, float] = field(default_factory=dict)
    battery: Battery | None = None
    power_of: Literal["board", "chip"] = "board"


@dataclass(frozen=True, slots=True)
class Current:
    """What it draws, as far as somebody published it.

    Attributes
    ----------
    module_ma : mapping of str to float
        Chip or module alone, at 3.3 V, by state. [mA]
    board_ma : mapping of str to float
        The whole board, at 5 V, by state. [mA]
    """

    module_ma: Mapping[str, float] = field(default_factory=dict)
    board_ma: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """How far it is proved that our software runs on it.

    Attributes
    ----------
    level : {'datasheet', 'emulated', 'bench'}
        Read only; on something that stands for it; on the board itself.
    how : str
        What was done.
    date : str
        Of the bench, ISO 8601; empty otherwise.
    """

    level: Literal["datasheet", "emulated", "bench"]
    how: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """One board.

    Attributes
    ----------
    name : str
        Name of the file.
    title : str
        What it is called.
    virtual : bool
        Whether it is a process on the host.
    flash : Flash
        For the flasher.
    pins : mapping of str to int
        Signal to pin number, for the firmware. [1]
    rig : Rig
        For the rig.
    footprint : FootprintFacts
        For the footprint.
    sources : mapping of str to str
        Table or dotted key to the source of its facts.
    proof : Proof
        How far it is proved.
    current : Current
        What it draws.
    """

    name: str
    title: str
    virtual: bool
    flash: Flash
    pins: Mapping[str, int]
    rig: Rig
    footprint: FootprintFacts
    sources: Mapping[str, str]
    proof: Proof
    current: Current


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of the boards, sorted.

    Parameters
    ----------
    folder : Path
        Folder of the board files.

    Returns
    -------
    tuple of str
        Names `load` accepts.
    """
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


@cache
def load(name: str, folder: Path = FOLDER) -> Board:
    """Read one board file.

    Parameters
    ----------
    name : str
        Board name, one of `names()`.
    folder : Path
        Folder of the board files.

    Returns
    -------
    Board
        The facts of the board.

    Raises
    ------
    BoardError
        If the board is unknown, a key is unknown or missing, or a fact has no source.
    """
    file = f"{name}.toml"
    if name not in names(folder):
        raise BoardError(f"no such board, choose {', '.join(names(folder))}", file=file)
    table = tomllib.loads((folder / file).read_text(encoding="utf-8"))
    table.setdefault("current", {})
    expected = {"title", "virtual", "sources", "proof", *_TABLES}
    if set(table) != expected:
        wrong = ", ".join(sorted(set(table) ^ expected))
        raise BoardError("missing or unknown table or key", file=file, key=wrong)
    _check_sources(table, file)
    facts = dict(table["footprint"])
    if "battery" in facts:
        facts["battery"] = _record(Battery, facts["battery"], file, "footprint.battery")
    rig = {**table["rig"], "features": tuple(table["rig"].get("features", ()))}
    return Board(
        name=name,
        title=table["title"],
        virtual=table["virtual"],
        flash=_record(Flash, table["flash"], file, "flash"),
        pins=table["pins"],
        rig=_record(Rig, rig, file, "rig"),
        footprint=_record(FootprintFacts, facts, file, "footprint"),
        sources=table["sources"],
        proof=_proof(table["proof"], file),
        current=_record(Current, table["current"], file, "current"),
    )


def _proof(facts: Mapping[str, Any], file: str) -> Proof:
    """Return it; only a bench has a date, and always."""
    proof = _record(Proof, facts, file, "proof")
    if proof.level not in {"datasheet", "emulated", "bench"}:
        raise BoardError(
            f"is {proof.level!r}; allowed: datasheet, emulated, bench",
            file=file,
            key="proof.level",
        )
    if (proof.level == "bench") != bool(proof.date):
        raise BoardError("is given with a bench, and only then", file=file, key="proof.date")
    return proof


def _check_sources(table: Mapping[str, Any], file: str) -> None:
    """Refuse a key that neither itself nor its table has a source for."""
    sources = table["sources"]
    for name in _TABLES:
        for key in table[name]:
            if f"{name}.{key}" not in sources and name not in sources:
                raise BoardError(
                    f'write its source under [sources], as "{name}.{key}" or "{name}"',
                    file=file,
                    key=f"{name}.{key}",
                )
    known = {*_TABLES, *(f"{name}.{key}" for name in _TABLES for key in table[name])}
    if stray := sorted(set(sources) - known):
        raise BoardError("source of a fact the file does not hold", file=file, key=stray[0])


def _record(kind: type[_Record], facts: Mapping[str, Any], file: str, key: str) -> _Record:
    try:
        return kind(**facts)
    except TypeError as error:
        raise BoardError(str(error), file=file, key=key) from error
