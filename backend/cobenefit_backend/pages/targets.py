"""The page of targets: what the territory has decided, and what the studies contribute."""

from pathlib import Path

from cobenefit_backend import study as studies
from cobenefit_backend.pages import frame
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.store import Store
from cobenefit_backend.territory import told
from cobenefit_backend.territory.progress import Progress, progress
from cobenefit_backend.territory.targets import Plans, Territory, plans

Found = list[tuple[Territory, list[Progress]]]


def read(local: str) -> Plans:
    """Return the shipped targets with those of the operator's folder; empty: none."""
    return plans(local=Path(local)) if local else plans()


def territory_of(store: Store, tenant: str) -> str:
    """Return the territory that the study document names, empty where it names none."""
    stored = store.study(tenant)
    return studies.parse(stored, file=f"study of {tenant}").territory if stored else ""


def found(known: Plans, territory: str, report: Report) -> Found:
    """Return the targets of a territory and of those around it, with the contributions.

    Parameters
    ----------
    known : Plans
        Territories and targets.
    territory : str
        Id of the territory.
    report : Report
        The report.

    Returns
    -------
    list of tuple
        Each territory that has targets, the nearest first.
    """
    around = known.around(territory)
    return [(place, [progress(aim, report) for aim in aims]) for place, aims in around if aims]


def html(known: Plans, territory: str, report: Report, language: Language) -> str:
    """Return the page.

    Parameters
    ----------
    known : Plans
        Territories and targets.
    territory : str
        Id of the territory; empty where the study document names none.
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.

    Returns
    -------
    str
        HTML.
    """
    words = Words.load(language)
    reader = Reader(words, Formatter(language))
    places = found(known, territory, report)
    shown = [
        (place.names[language], [told.target(each, place, report, reader) for each in each_place])
        for place, each_place in places
    ]
    return frame.html(
        "targets", language, words("targets_title"), owner=report.names[language],
        lead=_lead(shown, known, territory, words), places=shown,
    )  # fmt: skip


def _lead(
    shown: list[tuple[str, list[told.TargetTold]]], known: Plans, territory: str, words: Words
) -> str:
    if not shown:
        names = ", ".join(known.territories)
        key = "targets_unknown" if territory else "targets_none"
        return words(key, id=territory, known=names)
    targets = [each for _, of_place in shown for each in of_place]
    achieved = [bar.sentence for each in targets for bar in each.bars if bar.achieved]
    nearest = known.territories[territory].names[words.language]
    return achieved[0] if achieved else words(
        "targets_lead_none", count=len(targets), territory=nearest
    )  # fmt: skip
