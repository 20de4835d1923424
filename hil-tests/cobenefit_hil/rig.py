"""A rig: which board hangs on it, how it is reached and wired. Described in a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VIRTUAL = "virtual"
#: The keys of each kind of rig, besides those of all.
KINDS: Mapping[str, frozenset[str]] = {
    VIRTUAL: frozenset(),
    "usb": frozenset({"usb_serial", "usb_location", "link", "flash", "power"}),
    "labgrid": frozenset({"coordinator", "place", "flash"}),
}
_USB_NAMES = ("usb_serial", "usb_location", "link")
_COMMANDS = frozenset({"flash", "power"})
#: Boards that can be virtual.
_BOARDS = ("unix",)
#: What the suite can ask of a real board so far; all else is wired on virtual boards only.
_REAL = ("console", "power", "reset_cause")


class RigError(ValueError):
    """The rig's file is wrong; the message says file, key, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Rig:
    """What tests can ask for.

    Parameters
    ----------
    board : str
        Which board it is; `unix` where it is virtual.
    features : frozenset of str
        What a test may name in `@pytest.mark.needs`.
    kind : str
        One of `KINDS`.
    settings : mapping
        The keys of its kind: texts, and lists of texts where they are commands.
    """

    board: str
    features: frozenset[str]
    kind: str = VIRTUAL
    settings: Mapping[str, Any] = field(default_factory=dict)


def load(path: Path) -> Rig:
    """Return the rig described in a file.

    Parameters
    ----------
    path : Path
        TOML with `board`, `kind`, `features` and the keys of that kind.

    Returns
    -------
    Rig
        The rig.

    Raises
    ------
    RigError
        If the file is missing or a value is not allowed.
    """
    if not path.is_file():
        raise RigError(f"{path}: no such rig; see hil-tests/rigs for those there are")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        rig = _rig(raw)
        if rig.kind != VIRTUAL:
            _check_real(rig)
    except (tomllib.TOMLDecodeError, RigError) as error:
        raise RigError(f"{path}: {error}") from error
    return rig


def _rig(raw: dict[str, Any]) -> Rig:
    kind, board, features = raw.get("kind", VIRTUAL), raw.get("board"), raw.get("features", [])
    if kind not in KINDS:
        raise RigError(f"kind is {kind!r}; allowed: {', '.join(KINDS)}")
    allowed = {"board", "kind", "features", *KINDS[kind]}
    if unknown := sorted(set(raw) - allowed):
        raise RigError(f"{unknown[0]} is no key of a rig; allowed: {', '.join(sorted(allowed))}")
    if not isinstance(board, str) or not board or (kind == VIRTUAL and board not in _BOARDS):
        known = ", ".join(_BOARDS) if kind == VIRTUAL else "the name of the board"
        raise RigError(f"board is {board!r}; allowed: {known}")
    if not _texts(features):
        raise RigError(f"features is {features!r}; allowed: a list of texts")
    settings = {key: value for key, value in raw.items() if key in KINDS[kind]}
    return Rig(board, frozenset(features), kind, settings)


def _check_real(rig: Rig) -> None:
    for key, value in rig.settings.items():
        if key in _COMMANDS and not (_texts(value) and value):
            raise RigError(f"{key} is {value!r}; allowed: a command as a list of texts")
        if key not in _COMMANDS and not (isinstance(value, str) and value):
            raise RigError(f"{key} is {value!r}; allowed: a text")
    if beyond := sorted(rig.features - set(_REAL)):
        raise RigError(f"features has {beyond[0]!r}; allowed: {', '.join(_REAL)}")
    if rig.kind == "labgrid" and not {"coordinator", "place"} <= rig.settings.keys():
        raise RigError("a labgrid rig needs coordinator and place")
    if rig.kind == "usb":
        if len(rig.settings.keys() & set(_USB_NAMES)) != 1:
            raise RigError(f"a usb rig needs exactly one of {', '.join(_USB_NAMES)}")
        if ("power" in rig.features) != ("power" in rig.settings):
            raise RigError("the feature power and the command power belong together")


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
