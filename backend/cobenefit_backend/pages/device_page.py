"""The page of a device in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.pages import frame
from cobenefit_backend.pages.device import Channel, Device
from cobenefit_backend.pages.fleet import low_mv
from cobenefit_backend.pages.when import moment, span
from cobenefit_backend.report import calendar, charts, weights
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.records import Case
from cobenefit_backend.report.sparkline import sparkline
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Language, Words

Row = Mapping[str, Any]
CAUSES = ("power", "hard", "watchdog", "sleep", "soft", "brownout")
"""Starts by cause, in the order of the ledger (docs/reference/contracts.md)."""
STAGES = {
    "make": ("manufacture", "installation"),
    "use": ("use", "batteries"),
    "network": ("network",),
    "shared": ("gateway", "backend"),
    "end_of_life": ("end_of_life",),
}
MAX_STARTS = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the footprint of a year.

    Parameters
    ----------
    name, amount, share : str
        What it is, its value, and its part of the whole, written.
    bar : Markup
        Its bar.
    """

    name: str
    amount: str
    share: str
    bar: Markup


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel, written.

    Parameters
    ----------
    name : str
        Channel.
    line : Markup
        Its last days.
    span : str
        Least and largest of them.
    coverage, flagged, refused : str
        Share of the readings that came, those with a doubt, and those refused with reasons.
    """

    name: str
    line: Markup
    span: str
    coverage: str
    flagged: str
    refused: str


class DeviceView:
    """A device in one language.

    Parameters
    ----------
    device : Device
        The device.
    language : {'en', 'fr'}
        The language.
    """

    def __init__(self, device: Device, language: Language) -> None:
        self.device = device
        self.w, self.f = Words.load(language), Formatter(language)
        self.reader = Reader(self.w, self.f)

    @property
    def latest(self) -> Row | None:
        """Its latest ledger."""
        return self.device.ledgers[-1] if self.device.ledgers else None

    @property
    def last(self) -> str:
        """When it was last heard of."""
        t_ms = self.device.last_ms
        return self.w("never") if t_ms is None else self.moment(t_ms)

    def moment(self, t_ms: int | None) -> str:
        """Return a moment in the time of its site; a dash when it is not known.

        Parameters
        ----------
        t_ms : int or None
            Unix time. [ms]

        Returns
        -------
        str
            Day and time.
        """
        return "–" if t_ms is None else moment(self.f, t_ms, self.device.timezone)

    def sentence(self) -> str:
        """Return the first line: what it is for, when it was heard of, how much of it came."""
        count = sum(channel.sum("count") for channel in self.device.channels)
        expected = sum(channel.sum("expected") for channel in self.device.channels)
        ratio = min(count / expected, 1.0) if expected else 0.0
        key = "device_sentence" if expected else "device_sentence_none"
        return self.w(
            key, last=self.last, count=self.f.exact(count), coverage=self.f.percent(ratio)
        )

    def facts(self) -> list[tuple[str, str]]:
        """Return who it is and how it fares, name by name."""
        device, latest = self.device, self.latest
        found = [("site", device.site), ("board", device.board.title if device.board else "–")]
        if entry := device.entry:
            found.append(("life", self.w("span_years", years=self.f.exact(entry.lifetime_years))))
            if entry.accelerated:
                found.append(("replay", self.w("device_replayed")))
        found.append(("last", self.last))
        if latest:
            found += [
                ("battery", self._battery(latest)),
                ("waiting", self.f.exact(latest["waiting"])),
            ]
        return [(self.w(f"device_{name}"), text) for name, text in found]

    def _battery(self, ledger: Row) -> str:
        mv, limit_mv = ledger["battery_mv"], low_mv(self.device.board)
        if mv is None:
            return self.w("device_battery_none")
        volts = f"{self.f.exact(round(mv / 1000, 2))}\u00a0V"
        low = f" – {self.w('need_battery')}" if mv < limit_mv else ""
        return f"{volts}{low} ({self.w('device_changes', count=ledger['battery_changes'])})"

    def ledger(self) -> list[tuple[str, str]]:
        """Return what it counted of itself over all its starts."""
        device, form = self.device, self.f
        if not device.ledgers:
            return []
        lost = sum(sum(row["lost"].values()) for row in device.ledgers)
        found = [
            ("energy", f"{form.precise(device.total('energy_mj') / 1000)}\u00a0J"),
            ("method", self._method()),
            ("bytes", form.exact(device.total("tx_bytes") + device.total("rx_bytes"))),
            ("uptime", span(self.w, form, device.total("uptime_ms"))),
            ("asleep", span(self.w, form, device.total("asleep_ms"))),
            ("wakes", form.exact(device.total("wakes"))),
            ("reconnects", form.exact(device.total("reconnects"))),
            ("resets", form.exact(device.total("resets"))),
            ("causes", self._causes()),
            ("lost", form.exact(lost)),
        ]
        return [(self.w(f"device_{name}"), text) for name, text in found if text]

    def _method(self) -> str:
        latest = self.device.ledgers[-1]
        method = self.w.either(f"method_{latest['energy_method']}", latest["energy_method"])
        if not latest["error_permille"]:
            return method
        factor = self.f.exact(1 + latest["error_permille"] / 1000)
        return f"{method}; {self.w('device_error', factor=factor)}"

    def _causes(self) -> str:
        """Return the starts of its whole life by cause, those that happened."""
        counts = self.device.ledgers[-1]["causes"]
        told = [
            f"{self.w(f'cause_{name}')} {self.f.exact(count)}"
            for name, count in zip(CAUSES, counts, strict=False)
            if count
        ]
        return ", ".join(told)

    def stages(self) -> tuple[str, list[Stage]]:
        """Return the footprint of a year in a sentence, and stage by stage."""
        own = self.device.footprint
        if own is None:
            return "", []
        total = own.total[1]
        amounts = {
            name: sum(own.stages[1][part].central for part in parts)
            for name, parts in STAGES.items()
        }
        rows = [
            Stage(
                self.w(f"step_{name}"),
                self.f.share(amount, total.central, "kgCO2e"),
                self.f.percent(amount / total.central if total.central else 0.0),
                charts.waterfall_bar(
                    {"start": 0.0, "end": amount, "tone": "own"},  # type: ignore[dict-item]
                    0.0, max(amounts.values()) or 1.0,
                ),
            )
            for name, amount in amounts.items()
        ]  # fmt: skip
        bounds = (self.f.mass(value) for value in (total.central, total.low, total.high))
        central, low, high = bounds
        return self.w("device_footprint", central=central, low=low, high=high), rows

    def shares(self) -> list[tuple[str, str, str, str, list[str]]]:
        """Return, by study: id, title, its net, this device's part, and its break-even."""
        return [self._share(case) for case in self.device.cases]

    def _share(self, case: Case) -> tuple[str, str, str, str, list[str]]:
        view = CaseView(case, self.reader)
        own = self.device.footprint
        part = ""
        if own is not None and case.estimate.footprint_kgco2e.central:
            over = own.total[1].scaled(case.extra["footprint_days"] / DAYS_PER_YEAR)
            ratio = min(over.central / case.estimate.footprint_kgco2e.central, 1.0)
            part = self.w(
                "device_part", mass=self.f.mass(over.central), ratio=self.f.percent(ratio)
            )
        net = "–" if view.net is None or case.placebo else self._interval(view.net)
        return case.study, view.title, net, part, weights.break_even(view)

    def _interval(self, net: Interval) -> str:
        span = self.w("span", low=self.f.mass(net.low), high=self.f.mass(net.high))
        zero = f" ({self.w('zero')})" if net.contains_zero else ""
        return f"{self.f.mass(net.central)} ({span}){zero}"

    def calendar(self) -> Panel | None:
        """Return its coverage, day by day."""
        days = calendar.days_of(self.device.days, self.device.timezone)
        if not days:
            return None
        query = "?dialect=fr" if self.w.language == "fr" else ""
        address = f"/devices/{self.device.site}/{self.device.name}/coverage.csv{query}"
        return calendar.panel(days, self.reader, address)

    def channels(self) -> list[ChannelRow]:
        """Return its channels, written."""
        return [self._channel(channel) for channel in self.device.channels]

    def _channel(self, channel: Channel) -> ChannelRow:
        form, expected = self.f, channel.sum("expected")
        known = [value for _, value in channel.values[-120:] if value is not None]
        refused = [
            f"{self.w.either('reason.' + row['reason'], row['reason'])}: "
            f"{form.exact(row['readings'] or row['packs'])}"
            for row in channel.refused
        ]
        return ChannelRow(
            channel.name,
            sparkline(channel.values),
            self.w("span", low=form.number(min(known)), high=form.number(max(known)))
            if known
            else "–",
            form.percent(min(channel.sum("count") / expected, 1.0)) if expected else "–",
            form.exact(channel.sum("flagged")),
            "; ".join(refused) or self.w("data_none"),
        )

    def starts(self) -> list[tuple[str, ...]]:
        """Return its latest starts, the last one first, with what each counted."""
        rows: list[tuple[str, ...]] = []
        for row in reversed(self.device.ledgers[-MAX_STARTS:]):
            t_ms, up_ms = row["t_ms"], row["uptime_ms"]
            rows.append(
                (
                    self.moment(None if t_ms is None else t_ms - up_ms),
                    self.moment(t_ms),
                    span(self.w, self.f, up_ms),
                    self.w("yes" if row["resets"] else "no"),
                    self.f.exact(row["reconnects"]),
                )
            )
        return rows

    def visits(self) -> list[tuple[str, ...]]:
        """Return what people did to it."""
        return [
            (
                self.f.day(row["date"]),
                row["quantity"],
                f"{self.f.exact(row['amount'])} {row['unit']}",
            )
            for row in self.device.visits
        ]


def page(device: Device, language: Language, owner: str) -> str:
    """Return the page of a device.

    Parameters
    ----------
    device : Device
        The device, with the studies it serves.
    language : {'en', 'fr'}
        Its language.
    owner : str
        Name of the tenant.

    Returns
    -------
    str
        HTML.
    """
    view = DeviceView(device, language)
    return frame.html("device", language, f"{device.site} / {device.name}", owner=owner, v=view)


def missing(site: str, name: str, language: Language, owner: str) -> str:
    """Return the page that says that there is no such device.

    Parameters
    ----------
    site, name : str
        What was asked for.
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
    line = words("device_missing_text", site=site, name=name)
    return frame.html("device_missing", language, words("device_missing"), owner=owner, line=line)
