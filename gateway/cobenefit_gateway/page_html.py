"""The status page as HTML: an answer first, then what needs somebody, then every node.

Text in, text out; every value that came from elsewhere is escaped.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from cobenefit_gateway.alarm_codes import text
from cobenefit_gateway.alarms import Alarm
from cobenefit_gateway.overview import OK, Device, Overview

#: Nodes on the page at most, those with trouble first. [1]
MAX_ROWS = 500
_ROW = "<tr>{}</tr>"
STYLE = (
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f23;--soft:#57606a;--rule:#d0d7de;"
    "--link:#0b6e78;--alarm:#8b1a1a}"
    "@media (prefers-color-scheme:dark){:root{--paper:#14181c;--ink:#e8ebee;--soft:#a7b0b9;"
    "--rule:#3a424a;--link:#5cc3cd;--alarm:#ff9d94}}"
    "*{box-sizing:border-box}"
    "html{font:16px/1.5 system-ui,sans-serif;background:var(--paper);color:var(--ink)}"
    "body{margin:0 auto;max-width:56rem;padding:24px 16px 64px}"
    "h1{font-size:1.375rem;line-height:1.3;margin:8px 0}h2{font-size:1.125rem;margin:32px 0 8px}"
    "a{color:var(--link)}a:focus-visible{outline:3px solid var(--link);outline-offset:2px}"
    "nav{display:flex;gap:8px 24px;flex-wrap:wrap;font-size:.875rem}.soft{color:var(--soft)}"
    "table{border-collapse:collapse;width:100%;font-size:.875rem}"
    "th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;"
    "border-bottom:1px solid var(--rule);overflow-wrap:anywhere}"
    ".alarm{color:var(--alarm);font-weight:600}"
    "@media (max-width:600px){thead{position:absolute;left:-999px}"
    "tr{display:block;padding:8px 0;border-bottom:1px solid var(--rule)}"
    "td,th{display:block;border:0;padding:1px 0}"
    'td::before{content:attr(data-name) " ";color:var(--soft)}}'
)
_EN = {
    "title": "Gateway",
    "well": "The gateway is running; {devices} nodes, none needs attention.",
    "busy": "The gateway is running. Open alarms: {alarms}. Nodes late or silent: {late} of "
    "{devices}.",
    "off": "The gateway is not running, or is starting; this is what it last saved.",
    "alarms": "What needs attention",
    "none": "No alarm is open.",
    "nodes": "Nodes",
    "no_nodes": "No node was heard yet.",
    "more": "{n} more: cobenefit gateway status",
    "held": "What it holds",
    "totals": "Counted since the first start",
    "alarm_head": ("severity", "where", "what", "since", "number"),
    "node_head": ("node", "state", "heard", "newest reading", "battery", "waiting", "lost"),
    "pair_head": ("what", "value"),
    "seen": "seen",
    "ago": "{} ago",
    "never": "not yet",
    "ok": "ok", "late": "late", "silent": "silent",
    "info": "info", "warning": "warning", "critical": "critical",
    "other": "Français", "reload": "Reload", "age": "As of {} UTC",
    "broker": "broker", "yes": "connected", "no": "not connected",
    "pages_waiting": "pages waiting for the backend",
    "pages_parked": "pages the backend refused",
    "oldest": "oldest waiting page", "series": "channels",
    "windows_open": "windows open", "windows_due": "windows behind a full spool",
    "kept": "refused messages kept", "refused_packs": "packs refused",
    "refused_readings": "readings refused",
    "journal": "journal", "database": "database", "free": "free on disk",
}  # fmt: skip
_FR = {
    "title": "Passerelle",
    "well": "La passerelle fonctionne ; {devices} capteurs, aucun ne demande d'attention.",
    "busy": "La passerelle fonctionne. Alertes ouvertes : {alarms}. Capteurs en retard ou muets : "
    "{late} sur {devices}.",
    "off": "La passerelle ne fonctionne pas, ou démarre ; voici ce qu'elle avait enregistré.",
    "alarms": "Ce qui demande attention",
    "none": "Aucune alerte n'est ouverte.",
    "nodes": "Capteurs",
    "no_nodes": "Aucun capteur n'a encore été reçu.",
    "more": "{n} de plus : cobenefit gateway status",
    "held": "Ce qu'elle garde",
    "totals": "Compté depuis le premier démarrage",
    "alarm_head": ("gravité", "où", "quoi", "depuis", "numéro"),
    "node_head": (
        "capteur", "état", "reçu", "dernier relevé", "batterie", "en attente", "perdus",
    ),
    "pair_head": ("quoi", "valeur"),
    "seen": "vue",
    "ago": "il y a {}",
    "never": "pas encore",
    "ok": "bien", "late": "en retard", "silent": "muet",
    "info": "information", "warning": "avertissement", "critical": "critique",
    "other": "English", "reload": "Recharger", "age": "Au {} UTC",
    "broker": "courtier MQTT", "yes": "connecté", "no": "non connecté",
    "pages_waiting": "pages à envoyer au serveur",
    "pages_parked": "pages refusées par le serveur",
    "oldest": "plus ancienne page en attente", "series": "voies",
    "windows_open": "fenêtres ouvertes", "windows_due": "fenêtres derrière une file pleine",
    "kept": "messages refusés gardés", "refused_packs": "paquets refusés",
    "refused_readings": "relevés refusés",
    "journal": "journal", "database": "base de données", "free": "libre sur le disque",
}  # fmt: skip
_WORDS = {"en": _EN, "fr": _FR}


def html(overview: Overview, alarms: Sequence[Alarm], language: str) -> str:
    """Return the page.

    Parameters
    ----------
    overview : Overview
        What to show.
    alarms : sequence of Alarm
        Those that are open.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        A complete document.
    """
    words = Words(language)
    other = "en" if language == "fr" else "fr"
    title = f"{words['title']} {escape(overview.tenant)}"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><header><nav>"
        f'<span>{title}</span><a href="/?lang={language}">{words["reload"]}</a>'
        f'<a href="/?lang={other}" lang="{other}" hreflang="{other}">{words["other"]}</a>'
        f"</nav></header><main><h1>{answer(overview, alarms, words)}</h1>"
        f'<p class="soft">{words["age"].format(_date(overview.t_ms))}</p>'
        f"{_alarms(overview, alarms, words)}{_nodes(overview, words)}{_held(overview, words)}"
        "</main></body></html>\n"
    )


class Words:
    """The words of one language, and numbers as it writes them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._table = _WORDS[language]

    def __getitem__(self, key: str) -> str:
        """Return a word."""
        return str(self._table[key])

    def head(self, key: str) -> tuple[str, ...]:
        """Return the names of a table's columns."""
        return tuple(self._table[key])

    def number(self, value: int) -> str:
        """Return a number with thin spaces.

        Parameters
        ----------
        value : int
            Any. [1]

        Returns
        -------
        str
            Its digits in threes.
        """
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    def size(self, value: int) -> str:
        """Return a size for people.

        Parameters
        ----------
        value : int
            Its size. [B]

        Returns
        -------
        str
            In megabytes.
        """
        unit = "Mo" if self.language == "fr" else "MB"
        return f"{self.number(round(value / 1e6))} {unit}"

    def age(self, now_ms: int, then_ms: int | None) -> str:
        """Return how long ago something was.

        Parameters
        ----------
        now_ms : int
            Now. [Unix ms]
        then_ms : int or None
            Then; None for never. [Unix ms]

        Returns
        -------
        str
            In the largest unit of which there are two.
        """
        if then_ms is None:
            return self["never"]
        seconds = max(now_ms - then_ms, 0) // 1000
        day = "j" if self.language == "fr" else "d"
        for unit, length in ((day, 86_400), ("h", 3600), ("min", 60)):
            if seconds >= 2 * length:
                return self["ago"].format(f"{self.number(seconds // length)} {unit}")
        return self["ago"].format(f"{seconds} s")


def answer(overview: Overview, alarms: Sequence[Alarm], words: Words) -> str:
    """Return the one sentence that somebody in a hurry reads."""
    if not overview.running:
        return words["off"]
    states = overview.by_state()
    devices = len(overview.devices)
    late = devices - states[OK]
    if not alarms and not late:
        return words["well"].format(devices=devices)
    return words["busy"].format(alarms=len(alarms), late=late, devices=devices)


def _alarms(overview: Overview, alarms: Sequence[Alarm], words: Words) -> str:
    title = f"<h2>{words['alarms']}</h2>"
    if not alarms:
        return f"{title}<p>{words['none']}</p>"
    rows = [
        (
            words[alarm.severity],
            alarm.place,
            f"{text(alarm.code, alarm.facts, words.language)} [{alarm.code}]",
            words.age(overview.t_ms, alarm.raised_ms),
            f"{alarm.id} ({words['seen']})" if alarm.acked_ms else str(alarm.id),
        )
        for alarm in alarms[:MAX_ROWS]
    ]
    marked = [alarm.severity == "critical" for alarm in alarms[:MAX_ROWS]]
    return title + _table(words.head("alarm_head"), rows, marked)


def _nodes(overview: Overview, words: Words) -> str:
    title = f"<h2>{words['nodes']}</h2>"
    if not overview.devices:
        return f"{title}<p>{words['no_nodes']}</p>"
    ranked = sorted(overview.devices, key=lambda d: (d.state == OK, d.site, d.device))[:MAX_ROWS]
    rows = [node_row(overview, device, words) for device in ranked]
    more = len(overview.devices) - len(ranked)
    rest = f"<p>{words['more'].format(n=more)}</p>" if more else ""
    return title + _table(words.head("node_head"), rows, [d.state != OK for d in ranked]) + rest


def node_row(overview: Overview, one: Device, words: Words) -> tuple[str, ...]:
    """Return a node's row of the table."""
    return (
        f"{one.site}/{one.device}",
        words[one.state],
        words.age(overview.t_ms, one.heard_ms),
        _date(one.newest_ms) if one.newest_ms is not None else words["never"],
        f"{one.battery_mv} mV" if one.battery_mv is not None else "–",
        words.number(one.waiting),
        words.number(one.lost),
    )


def held_rows(overview: Overview, words: Words) -> list[tuple[str, str]]:
    """Return what the gateway holds, as pairs of words."""
    connected = "connected_ms" in overview.live and overview.running
    rows = [
        (words["broker"], words["yes" if connected else "no"]),
        *((words[name], words.number(value)) for name, value in overview.counts.items()),
        (words["journal"], words.size(overview.journal_bytes)),
        (words["database"], words.size(overview.database_bytes)),
        (words["free"], words.size(overview.free_bytes)),
    ]
    if overview.oldest_page_ms is not None:
        rows.append((words["oldest"], words.age(overview.t_ms, overview.oldest_page_ms)))
    return rows


def _held(overview: Overview, words: Words) -> str:
    totals = [(name, words.number(value)) for name, value in overview.totals.items()]
    head = words.head("pair_head")
    return (
        f"<h2>{words['held']}</h2>{_table(head, held_rows(overview, words))}"
        f"<h2>{words['totals']}</h2>{_table(head, totals)}"
    )


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool] | None = None
) -> str:
    top = _ROW.format("".join(f'<th scope="col">{escape(name)}</th>' for name in head))
    body = []
    for i, row in enumerate(rows):
        bold = ' class="alarm"' if marked is not None and marked[i] else ""
        first = f'<th scope="row"{bold}>{escape(row[0])}</th>'
        cells = zip(head[1:], row[1:], strict=True)
        rest = "".join(f'<td data-name="{escape(n)}">{escape(cell)}</td>' for n, cell in cells)
        body.append(_ROW.format(first + rest))
    return f"<table><thead>{top}</thead><tbody>{''.join(body)}</tbody></table>"


def _date(t_ms: int) -> str:
    try:
        return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return str(t_ms)
