"""A rig: which board hangs on it, and what it is wired for. Described in a TOML file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

#: Boards this version can drive.
BOARDS = ("unix",)


class RigError(ValueError):
    """The rig's file is wrong; the message says file, key, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Rig:
    """What tests can ask for.

    Parameters
    ----------
    board : str
        One of `BOARDS`.
    features : frozenset of str
        What a test may name in `@pytest.mark.needs`.
    """

    board: str
    features: frozenset[str]


def load(path: Path) -> Rig:
    """Return the rig described in a file.

    Parameters
    ----------
    path : Path
        TOML with `board` and `features`.

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
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(set(raw) - {"board", "features"})
    if unknown:
        raise RigError(f"{path}: {unknown[0]} is no key of a rig; allowed: board, features")
    board, features = raw.get("board"), raw.get("features", [])
    if board not in BOARDS:
        raise RigError(f"{path}: board is {board!r}; allowed: {', '.join(BOARDS)}")
    if not isinstance(features, list) or not all(isinstance(f, str) for f in features):
        raise RigError(f"{path}: features is {features!r}; allowed: a list of texts")
    return Rig(board, frozenset(features))
