"""The fleet as a page, a visit list by site, and a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from cobenefit_backend.exports.tables import Cell, Table
from cobenefit_backend.pages import frame
from cobenefit_backend.pages.fleet import NEEDS, Fleet, Node, counted
from cobenefit_backend.pages.when import iso, moment, span
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Language, Words

PER_PAGE = 50
COLUMNS = (
    "site", "device", "board", "needs", "last_seen", "silent_s", "battery_mv", "waiting", "lost",
    "resets", "coverage_ratio", "clock_lost", "replayed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form of the page asks for.

    Parameters
    ----------
    need : str
        One of `NEEDS`, `any`, or empty for all devices.
    text : str
        Part of a site, device or board.
    page : int
        From 1. [1]
    """

    need: str = ""
    text: str = ""
    page: int = 1

    def query(self, language: Language, page: int = 0) -> str:
        """Return the same as the end of an address.

        Parameters
        ----------
        language : {'en', 'fr'}
            Of the page.
        page : int, optional
            Which page; 0 for the first. [1]

        Returns
        -------
        str
            With its question mark.
        """
        values = {"need": self.need, "q": self.text, "page": str(page) if page > 1 else ""}
        kept = {name: value for name, value in values.items() if value}
        return "?" + urlencode({**kept, "lang": language})


class NodeView:
    """A device in one language.

    Parameters
    ----------
    node : Node
        The device.
    words : Words
        Catalogue of the language.
    """

    def __init__(self, node: Node, words: Words) -> None:
        self.node = node
        self._w, self._f = words, Formatter(words.language)

    @property
    def needs(self) -> str:
        """What it needs somebody for."""
        return ", ".join(self._w(f"need_{name}") for name in self.node.needs)

    @property
    def last(self) -> str:
        """When it was last heard of."""
        node = self.node
        return (
            self._w("never")
            if node.last_ms is None
            else moment(self._f, node.last_ms, node.timezone)
        )

    @property
    def silent(self) -> str:
        """How long ago that is; empty for less than two minutes and for a replay."""
        node = self.node
        if node.last_ms is None or node.replayed or node.silent_ms < 120_000:
            return ""
        return self._w("ago", span=span(self._w, self._f, node.silent_ms))

    @property
    def battery(self) -> str:
        """Its battery in volts."""
        mv = self.node.battery_mv
        return "–" if mv is None else f"{self._f.exact(round(mv / 1000, 2))}\u00a0V"

    @property
    def coverage(self) -> str:
        """Share of a week's readings that came."""
        ratio = self.node.coverage_ratio
        return "–" if ratio is None else self._f.percent(ratio)

    def count(self, name: str) -> str:
        """Return one of its counts, written."""
        return self._f.exact(getattr(self.node, name))


def page(fleet: Fleet, asked: Asked, language: Language, owner: str) -> str:
    """Return the page of the fleet.

    Parameters
    ----------
    fleet : Fleet
        All devices.
    asked : Asked
        What the form asks for.
    language : {'en', 'fr'}
        Its language.
    owner : str
        Name of the tenant.

    Returns
    -------
    str
        HTML.
    """
    words = Words.load(language)
    nodes = fleet.chosen(asked.need, asked.text).nodes
    pages = max(-(-len(nodes) // PER_PAGE), 1)
    number = min(max(asked.page, 1), pages)
    shown = nodes[(number - 1) * PER_PAGE : number * PER_PAGE]
    return frame.html(
        "fleet", language, words("fleet"), owner=owner,
        asked=asked, needs=NEEDS, lines=_lines(fleet, words), counts=counted(fleet.nodes),
        rows=[NodeView(node, words) for node in shown], found=len(nodes), number=number,
        pages=pages, all=len(fleet.nodes),
    )  # fmt: skip


def visits(fleet: Fleet, asked: Asked, language: Language, owner: str) -> str:
    """Return the devices that need somebody as a list for a round of visits, site by site.

    Parameters
    ----------
    fleet : Fleet
        All devices.
    asked : Asked
        What the form asks for; without a need, all that need somebody.
    language : {'en', 'fr'}
        Its language.
    owner : str
        Name of the tenant.

    Returns
    -------
    str
        HTML, made to be printed.
    """
    words = Words.load(language)
    sites: dict[str, list[NodeView]] = {}
    for node in fleet.chosen(asked.need or "any", asked.text).nodes:
        sites.setdefault(node.site, []).append(NodeView(node, words))
    return frame.html(
        "visits", language, words("visits"), owner=owner, lines=_lines(fleet, words),
        sites=sites, asked=asked, found=sum(map(len, sites.values())),
    )  # fmt: skip


def table(nodes: Sequence[Node], now_iso: str) -> Table:
    """Return devices as a table [ms, mV, 1].

    Parameters
    ----------
    nodes : sequence of Node
        Devices in their order.
    now_iso : str
        The time they are compared with.

    Returns
    -------
    Table
        One row per device.
    """
    return Table("fleet", (*COLUMNS, "compared_with"), tuple((*_cells(n), now_iso) for n in nodes))


def _cells(node: Node) -> tuple[Cell, ...]:
    silent = None if node.last_ms is None or node.replayed else node.silent_ms // 1000
    last = None if node.last_ms is None else iso(node.last_ms, node.timezone)
    return (
        node.site, node.device, node.board, " ".join(node.needs), last, silent, node.battery_mv,
        node.waiting, node.lost, node.resets, node.coverage_ratio, node.clock_lost, node.replayed,
    )  # fmt: skip


def _lines(fleet: Fleet, words: Words) -> list[str]:
    """Return the sentences that open the page: who needs somebody, and compared with when."""
    form = Formatter(words.language)
    needy = sum(bool(node.needs) for node in fleet.nodes)
    if not fleet.nodes:
        return [words("fleet_empty")]
    key = {0: "fleet_none", 1: "fleet_one"}.get(needy, "fleet_many")
    lead = words(key, all=form.exact(len(fleet.nodes)), needy=form.exact(needy))
    now = f"{moment(form, fleet.now_ms, 'UTC')} UTC"
    if fleet.replay:
        return [lead, words("fleet_replay")]
    if fleet.quiet_ms:
        return [lead, words("fleet_quiet", now=now, span=span(words, form, fleet.quiet_ms))]
    return [lead, words("fleet_live", now=now)]
