"""The overview as tables in a terminal, in English or French."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from cobenefit_gateway.alarm_codes import text
from cobenefit_gateway.alarms import Alarm
from cobenefit_gateway.overview import OK, Overview
from cobenefit_gateway.page_html import Words, answer, held_rows, node_row

_STYLE = {"critical": "bold red", "warning": "yellow", "info": ""}


def language() -> str:
    """Return the language of the terminal: ``fr`` or ``en``."""
    wish = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "fr" if wish.startswith("fr") else "en"


def show(
    console: Console, overview: Overview, alarms: Sequence[Alarm], language_code: str
) -> None:
    """Print one sentence, alarms, nodes and what is held."""
    words = Words(language_code)
    console.print(answer(overview, alarms, words))
    if alarms:
        show_alarms(console, alarms, overview.t_ms, language_code)
    if overview.devices:
        nodes = Table(*words.head("node_head"))
        for one in overview.devices:
            nodes.add_row(*node_row(overview, one, words), style="" if one.state == OK else "red")
        console.print(nodes)
    held = Table(*words.head("pair_head"))
    for row in held_rows(overview, words):
        held.add_row(*row)
    for name, value in overview.totals.items():
        held.add_row(name, words.number(value))
    console.print(held)


def show_alarms(
    console: Console, alarms: Sequence[Alarm], now_ms: int, language_code: str
) -> None:
    """Print open alarms, or that there is none.

    Parameters
    ----------
    console : Console
        Where.
    alarms : sequence of Alarm
        Those that are open.
    now_ms : int
        Gateway time. [Unix ms]
    language_code : str
        ``en`` or ``fr``.
    """
    words = Words(language_code)
    if not alarms:
        console.print(words["none"])
        return
    table = Table(*words.head("alarm_head"))
    for alarm in alarms:
        seen = f" ({words['seen']})" if alarm.acked_ms else ""
        table.add_row(
            words[alarm.severity],
            alarm.place,
            f"{text(alarm.code, alarm.facts, language_code)} [{alarm.code}]".replace("[", r"\["),
            words.age(now_ms, alarm.raised_ms),
            f"{alarm.id}{seen}",
            style=_STYLE[alarm.severity],
        )
    console.print(table)


def plain(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as plain JSON."""
    return asdict(alarm) | {"text": text(alarm.code, alarm.facts, "en")}
