"""What a user reads when a command fails: what, where, what to do, and an exit code.

0  done
1  the program is at fault: run again with `--debug` and report what it prints
2  the command line, a configuration or an input file is at fault
3  the world is at fault: a file, a port, a broker, a disk, the network
4  an optional part is not installed
130  interrupted

The parts' own exceptions already say what, where and what to do; this file only adds the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cobenefit_cli.parts import Part

BUG, INPUT, WORLD, MISSING = 1, 2, 3, 4


@dataclass(frozen=True)
class Problem:
    """A failure in the words of the command line."""

    code: int
    what: str
    remedy: str


def explain(err: Exception, part: Part | None) -> Problem:
    """Return what to tell the user about an exception.

    Parameters
    ----------
    err : Exception
        What a command raised.
    part : Part or None
        The part that ran; None before one was chosen.

    Returns
    -------
    Problem
        Exit code, what happened and where, what to do.
    """
    if isinstance(err, ModuleNotFoundError):
        return _not_installed(err, part)
    ours = type(err).__module__.partition("_")[0] == "cobenefit"
    if isinstance(err, OSError):
        return Problem(WORLD, _what_os(err), "" if ours else "Check that and run it again.")
    if ours:
        return Problem(INPUT, str(err), "")
    return Problem(
        BUG,
        f"unexpected {type(err).__name__}: {err}",
        "This is a fault of ours. Run `cobenefit --debug …` again and report what it prints.",
    )


def _not_installed(err: ModuleNotFoundError, part: Part | None) -> Problem:
    extra = part.extra if part else "dev"
    name = part.name if part else "cobenefit"
    return Problem(
        MISSING,
        f"`{name}` needs the module {err.name}, which is not installed.",
        f"Run: pip install 'cobenefit[{extra}]'   (in a checkout: make setup)",
    )


def _what_os(err: OSError) -> str:
    if err.strerror and err.filename:
        return f"{err.filename}: {err.strerror}"
    return str(err) or type(err).__name__
