"""A case as a reader sees it: sentences, figures and charts in one language.

Takes the records as they are, writes them through the words and the formatter, and computes
nothing that `report.json` does not hold, but sums and places for drawing.
"""

from dataclasses import dataclass

from markupsafe import Markup

from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.report import charts
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.report.records import Case, Report

FOOTPRINT_CODES = frozenset(
    (
        "transport_not_counted", "gateway_not_counted", "backend_not_counted",
        "backend_on_gateway", "cells_not_counted", "footprint_not_counted", "no_ledger",
        "short_ledger", "energy_unknown", "accelerated_replay", "virtual_board",
    )
)  # fmt: skip
"""Records about the devices' own footprint; they stand beside it, not beside the effect."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the waterfall.

    Parameters
    ----------
    name : str
        What it is.
    amount : str
        Its central value, written.
    bar : Markup
        Its bar.
    """

    name: str
    amount: str
    bar: Markup


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything the template of a case needs.

    Parameters
    ----------
    case : Case
        The record.
    reader : Reader
        For whom.
    """

    case: Case
    reader: Reader

    @property
    def use_case(self) -> str:
        """Name of the use case."""
        return self.reader.words(f"use_case_{self.case.estimate.use_case}")

    @property
    def title(self) -> str:
        """Title in the reader's language."""
        return self.case.titles[self.reader.words.language]

    @property
    def net(self) -> Interval | None:
        """The net, None where no CO2e is claimed."""
        return self.case.estimate.net_kgco2e

    @property
    def shown(self) -> Interval | None:
        """The figure of the case: its net, or what a test pretends to have found."""
        return self.case.estimate.gross_kgco2e if self.case.placebo else self.net

    @property
    def tone(self) -> str:
        """`good`, `bad`, `grey` for not distinguishable from zero, `hatch` for not claimed."""
        if self.shown is None or self.case.placebo:
            return "grey"
        return self._tone_of(self.shown)

    def _tone_of(self, interval: Interval) -> str:
        tone = charts.tone(interval.to_dict())
        return "hatch" if tone == "good" and self.unclaimed else tone

    @property
    def unclaimed(self) -> bool:
        """Whether the figure is a potential, or rests on data that nobody measured."""
        estimate = self.case.estimate
        return estimate.evidence_class == "P" or estimate.data_origin != "measured"

    @property
    def caption(self) -> str:
        """What the large value is."""
        if self.case.placebo:
            return self.reader.words("net_test")
        return self.reader.words("net_unclaimed" if self.unclaimed else "net")

    @property
    def labels(self) -> list[str]:
        """Evidence and label, without repeating what another chip says."""
        origin = self.reader.words(f"origin_{self.case.estimate.data_origin}")
        return [self.evidence, *([] if self.label in (origin, self.evidence) else [self.label])]

    @property
    def few(self) -> bool:
        """Whether the stored data are not enough for a figure."""
        records = self.case.estimate.disqualifications
        return any(record.code == "not_enough_data" for record in records)

    @property
    def evidence(self) -> str:
        """Evidence class in words."""
        if self.few:
            return self.reader.words("label.not enough data")
        return self.reader.words(f"class_{self.case.estimate.evidence_class}")

    @property
    def label(self) -> str:
        """The label the estimator demands beside the figure."""
        label = self.case.estimate.label
        return self.reader.words.either(f"label.{label}", label)

    @property
    def coverage(self) -> str:
        """Coverage, written."""
        return self.reader.format.percent(self.case.estimate.coverage_ratio)

    def sentence(self) -> str:
        """Return the first line: a sentence to read aloud."""
        words, form = self.reader.words, self.reader.format
        start, end = self.case.period
        values: dict[str, object] = {
            "start": form.day(start),
            "end": form.last_day(end),
            "event": form.day(start),
            "own": form.mass(self.case.estimate.footprint_kgco2e.central),
        }
        if self.shown is not None:
            unit = mass_unit(self.shown.low, self.shown.high)
            values |= {
                "unit": unit,
                "low": form.bare_mass(self.shown.low, unit),
                "high": form.bare_mass(self.shown.high, unit),
            }
        body = words(self._sentence_key(values), **values)
        prefix = self._prefix()
        return f"{prefix} {body[0].lower()}{body[1:]}" if prefix else body

    def _sentence_key(self, values: dict[str, object]) -> str:
        shown = self.shown
        if shown is None:
            return "sentence_few" if self.few else "sentence_none"
        if self.case.placebo:
            return "sentence_placebo_zero" if shown.contains_zero else "sentence_placebo_off"
        if shown.contains_zero:
            return "sentence_zero"
        if shown.high < 0:
            form, unit = self.reader.format, str(values["unit"])
            values["low"] = form.bare_mass(-shown.high, unit)
            values["high"] = form.bare_mass(-shown.low, unit)
            return "sentence_bad"
        return "sentence_unclaimed" if self.unclaimed else "sentence_good"

    def _prefix(self) -> str:
        estimate, words = self.case.estimate, self.reader.words
        if estimate.data_origin != "measured":
            return words(f"sentence_{estimate.data_origin}")
        potential = estimate.evidence_class == "P" and not self.case.placebo
        return words("sentence_potential") if potential and self.tone != "grey" else ""

    def evidence_sentence(self) -> str:
        """Return evidence, label and coverage as a sentence."""
        words = self.reader.words
        if self.case.placebo:
            return words("test_evidence", coverage=self.coverage)
        told = self.evidence if self.label == self.evidence else f"{self.evidence}, {self.label}"
        return words("evidence", told=told, coverage=self.coverage)

    def bar(self) -> Markup:
        """Return the interval bar."""
        if self.shown is None:
            return Markup("")
        return charts.interval_bar(self.shown.to_dict(), self.tone, self.reader)

    def interval(self) -> str:
        """Return the interval in words."""
        return self._interval_text("interval", self.shown)

    def central(self) -> str:
        """Return the central value."""
        return self.reader.format.mass(self.shown.central) if self.shown else ""

    def marginal(self) -> str:
        """Return the sentence on the marginal grid, empty where no electricity is involved."""
        net = self.case.estimate.net_marginal_kgco2e
        if net is None or self.case.placebo:
            return ""
        return self._interval_text("marginal_zero" if net.contains_zero else "marginal", net)

    def _interval_text(self, key: str, interval: Interval | None) -> str:
        if interval is None:
            return ""
        form, unit = self.reader.format, mass_unit(interval.low, interval.high)
        return self.reader.words(
            key, low=form.bare_mass(interval.low, unit), high=form.mass(interval.high, unit)
        )

    def truncation(self) -> str:
        """Return the sentence on truncation 2."""
        value = self.reader.format.mass(self.case.footprint["truncation_2"]["central"])
        return self.reader.words("truncation", value=value)

    def cautions(self) -> list[str]:
        """Return every reason for caution about the effect, in words."""
        return self._records(about_footprint=False)

    def footprint_notes(self) -> list[str]:
        """Return what to know about the footprint, in words."""
        return self._records(about_footprint=True)

    def _records(self, *, about_footprint: bool) -> list[str]:
        words = self.reader.words

        def text(record: Disqualification) -> str:
            return words.either(f"disqualification.{record.code}", record.text)

        records = [
            text(record)
            for record in self.case.estimate.disqualifications
            if (record.code in FOOTPRINT_CODES) is about_footprint
        ]
        return list(dict.fromkeys(records))

    def stages(self) -> dict[str, float]:
        """Return the footprint by the steps of the waterfall.

        Returns
        -------
        dict of float
            Central values over the period. [kgCO2e]
        """
        stage = {k: v["central"] for k, v in self.case.footprint["by_stage"].items()}
        return {
            "make": stage["manufacture"] + stage["installation"],
            "use": stage["use"] + stage["batteries"],
            "network": stage["network"],
            **({"equipment": stage["equipment"]} if "equipment" in stage else {}),
            "shared": stage["gateway"] + stage["backend"],
            "end_of_life": stage["end_of_life"],
        }

    def waterfall(self) -> tuple[str, list[Step]]:
        """Return the unit and the steps from gross to net."""
        estimate = self.case.estimate
        if self.net is None or estimate.gross_kgco2e is None or estimate.rebound_kgco2e is None:
            return "", []
        gross, rebound = estimate.gross_kgco2e.central, estimate.rebound_kgco2e.central
        rows: list[tuple[str, float, float, str]] = [
            ("gross", 0.0, gross, self._tone_of(estimate.gross_kgco2e))
        ]
        level = gross
        for name, amount in {"rebound": rebound, **self.stages()}.items():
            rows.append((name, level, level - amount, "own"))
            level -= amount
        rows.append(("net", 0.0, self.net.central, self._tone_of(self.net)))
        places = [place for row in rows for place in row[1:3]]
        unit = mass_unit(*places)
        form = self.reader.format
        steps = []
        for name, start, end, tone in rows:
            bar = charts.waterfall_bar(
                {"start": start, "end": end, "tone": tone},  # type: ignore[dict-item]
                min(places), max(places),
            )  # fmt: skip
            written = form.share(end - start, max(map(abs, places)), unit)
            steps.append(Step(self.reader.words(f"step_{name}"), written, bar))
        return unit, steps

    def waterfall_sentence(self) -> str:
        """Return the waterfall in one sentence."""
        estimate, form = self.case.estimate, self.reader.format
        if estimate.gross_kgco2e is None or estimate.net_kgco2e is None:
            return ""
        return self.reader.words(
            "waterfall_sentence",
            gross=form.mass(estimate.gross_kgco2e.central),
            own=form.mass(estimate.footprint_kgco2e.central),
            net=form.mass(estimate.net_kgco2e.central),
        )


def total_sentences(report: Report, reader: Reader) -> list[str]:
    """Return the sentences that open the report.

    Parameters
    ----------
    report : Report
        The report.
    reader : Reader
        For whom.

    Returns
    -------
    list of str
        One sentence per evidence class with a total, and what was left out.
    """
    words, form = reader.words, reader.format
    tenant = report.names[words.language]
    sentences = []
    for evidence in ("M", "E"):
        entry = report.totals[evidence]
        net = entry["net_kgco2e"]
        if net is None:
            continue
        unit = mass_unit(net["low"], net["high"])
        count = len(entry["studies"])
        studies = words("studies_one") if count == 1 else words("studies_many", count=count)
        text = words(
            f"portfolio_{evidence}", tenant=tenant, unit=unit, studies=studies,
            low=form.bare_mass(net["low"], unit), high=form.bare_mass(net["high"], unit),
        )  # fmt: skip
        zero = net["low"] <= 0 <= net["high"]
        sentences.append(f"{text} {words('portfolio_zero')}" if zero else text)
    titles = {case.study: case.titles[words.language] for case in report.cases}
    for study, entry in report.totals["overlapping"].items():
        names = {"study": titles[study], "kept": titles[entry["kept"]], "reason": entry["reason"]}
        sentences.append(words("portfolio_overlap", **names))
    return [*(sentences or [words("portfolio_none", tenant=tenant)]), words("portfolio_apart")]
