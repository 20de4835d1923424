"""What a report holds, as frozen records; `to_json` is `report.json` (contracts, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cobenefit_backend.estimate.quantity import Estimate, plain

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One study with its defended figure.

    Parameters
    ----------
    study : str
        Id of the study.
    titles : mapping
        Title by language.
    estimate : Estimate
        The figure.
    footprint : mapping
        `low`, `central`, `high`, `by_stage` and `truncation_2` over the period. [kgCO2e]
    period : tuple of str
        Reporting period, ISO dates, end exclusive.
    baseline : tuple of str
        Baseline period, ISO dates, end exclusive.
    placebo : bool
        Whether nothing was done at the date: a test of the method, never an effect.
    attribution : str
        Whose data.
    site : str
        Id of the site.
    devices : tuple of str
        Ids of the devices.
    extra : mapping
        Series and tables behind the charts.
    """

    study: str
    titles: Mapping[str, str]
    estimate: Estimate
    footprint: Mapping[str, Any]
    period: tuple[str, str]
    baseline: tuple[str, str]
    placebo: bool
    attribution: str
    site: str
    devices: tuple[str, ...]
    extra: Mapping[str, Any]

    @property
    def counts(self) -> bool:
        """Whether the row may be totalled: measured, class M or E, and not a test."""
        estimate = self.estimate
        return (
            estimate.data_origin == "measured"
            and estimate.evidence_class in ("M", "E")
            and estimate.net_kgco2e is not None
            and not self.placebo
        )

    def to_json(self) -> dict[str, Any]:
        """Return the case as plain data."""
        e = self.estimate
        return {
            "id": e.use_case,
            "study": self.study,
            "title": self.titles["en"],
            "titles": dict(self.titles),
            "use_case": e.use_case,
            "evidence_class": e.evidence_class,
            "label": e.label,
            "placebo": self.placebo,
            "baseline": list(self.baseline),
            "reporting": list(self.period),
            "site": self.site,
            "devices": list(self.devices),
            "gross_kgco2e": plain(e.gross_kgco2e),
            "rebound_kgco2e": plain(e.rebound_kgco2e),
            "footprint_kgco2e": plain(self.footprint),
            "net_kgco2e": plain(e.net_kgco2e),
            "net_marginal_kgco2e": plain(e.net_marginal_kgco2e),
            "equation": e.equation,
            "arithmetic": e.arithmetic,
            "coverage_ratio": e.coverage_ratio,
            "data_origin": e.data_origin,
            "totalled": self.counts,
            "disqualifications": plain(list(e.disqualifications)),
            "factors": list(e.factor_ids),
            "attribution": self.attribution,
            "details": {**plain(e.details), **plain(self.extra)},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one tenant's pages and files are made from.

    Parameters
    ----------
    tenant : str
        The tenant.
    names : mapping
        Its name by language.
    period : tuple of str
        First and last day of all reporting periods, end exclusive.
    generated_from : mapping
        Hash of the data, factor set, code version.
    cases : tuple of Case
        The studies, in the order of the document.
    totals : mapping
        Net by evidence class, of the rows that count.
    data : mapping
        Readings stored, refused and lost; the nodes' ledgers.
    factors : tuple of mapping
        Factors used, with their sources.
    """

    tenant: str
    names: Mapping[str, str]
    period: tuple[str, str]
    generated_from: Mapping[str, Any]
    cases: tuple[Case, ...]
    totals: Mapping[str, Any]
    data: Mapping[str, Any]
    factors: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return `report.json` as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "generated_from": plain(self.generated_from),
            "tenant": self.tenant,
            "names": dict(self.names),
            "period": list(self.period),
            "use_cases": [case.to_json() for case in self.cases],
            "totals": plain(self.totals),
            "data": plain(self.data),
            "factors": plain(list(self.factors)),
        }
