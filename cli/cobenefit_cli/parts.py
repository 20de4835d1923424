"""The parts of the product that bring commands, and how one is mounted without importing it.

`cobenefit --help` must not pay for numpy or a web framework: a part is imported when one of its
commands runs. This file must not import any other package of ours.

    >>> [part.name for part in PARTS][:2]
    ['demo', 'gateway']
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

_COMPLETION = frozenset({"install_completion", "show_completion"})


@dataclass(frozen=True)
class Part:
    """One command of the top level and where its Typer app stands."""

    name: str
    module: str
    attribute: str
    extra: str
    help: str


PARTS = (
    Part("demo", "cobenefit_hil.commands", "demo", "gateway,backend,boards,hil",
         "Replay recorded data through every part, on this machine, into a report."),
    Part("gateway", "cobenefit_gateway.commands", "app", "gateway",
         "Take packs from the broker, roll them up, forward them."),
    Part("backend", "cobenefit_backend.commands", "app", "backend",
         "Store rollups, estimate, serve reports."),
    Part("ota", "cobenefit_boards.ota_commands", "app", "boards",
         "Sign, publish and watch updates of the nodes' software."),
    Part("estimate", "cobenefit_backend.estimate_cli", "app", "backend",
         "Run one estimator on a file, without a database."),
    Part("plan", "cobenefit_backend.plan_cli", "plan", "backend",
         "Say how many units, controls and months a claim needs."),
    Part("explain", "cobenefit_backend.explain_cli", "explain", "backend",
         "Follow one published figure back to readings, factors and code."),
    Part("push", "cobenefit_backend.push_cli", "push", "backend",
         "Push claimed net effects to a platform that follows climate plans."),
    Part("factors", "cobenefit_backend.factors.cli", "app", "backend",
         "List emission factors with value, range, source and licence."),
    Part("boards", "cobenefit_boards.commands", "boards", "boards",
         "List boards and what is known about each."),
    Part("hil", "cobenefit_hil.commands", "hil", "gateway,hil",
         "Show what runs of the hardware suite have found."),
    Part("node", "cobenefit_boards.commands", "node", "boards",
         "Project a node's energy; configure, renew and test nodes in the field."),
)  # fmt: skip


def load(part: Part) -> Any:
    """Import a part and return its command, ready to run.

    Parameters
    ----------
    part : Part
        Where the Typer app, or the one function that is the command, stands.

    Returns
    -------
    Command
        A command of the Click that Typer carries.

    Raises
    ------
    ModuleNotFoundError
        If a dependency of the part's extra is not installed.
    """
    found = getattr(importlib.import_module(part.module), part.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer()
        single.command(name=part.name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = part.name
    command.params = [p for p in command.params if p.name not in _COMPLETION]
    return command


class Mounted(TyperCommand):
    """Stands for a part in the help and becomes the part's own command when called."""

    def __init__(self, part: Part) -> None:
        super().__init__(part.name, help=part.help)
        self.part = part

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:
        """Load the part and let its command read the arguments.

        Parameters
        ----------
        info_name : str or None
            The name the command was called by.
        args : list of str
            What follows it on the command line.
        *rest, **more
            As Click passes them (the parent context, settings).

        Returns
        -------
        Context
            The context of the part's own command, so that Click goes on with that.
        """
        more.setdefault("parent", rest[0] if rest else None)
        parent = more["parent"]
        if parent is not None and parent.obj is not None:
            parent.obj.part = self.part
        return load(self.part).make_context(info_name, args, **more)
