"""Estimates of studies, computed again only when something they rest on has changed.

A study rests on its part of the study document, the windows of its devices, the weather of its
station, the activities, the ledgers of its devices, its locked plan, what people left out, what
households agreed to, and the factors. Their digest is its key; the code is the same as long as
the process lives.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cobenefit_backend.digests import Series
from cobenefit_backend.report.records import Case
from cobenefit_backend.store import Store
from cobenefit_backend.study import StudyDocument
from cobenefit_backend.study_kinds import Study

Row = Mapping[str, Any]


class Memo:
    """The estimates of one tenant's studies, at most one for each."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Case]] = {}

    def case(self, study: str, key: str, make: Callable[[], Case]) -> Case:
        """Return the case of a study, made anew if its key is another.

        Parameters
        ----------
        study : str
            Id of the study.
        key : str
            Digest of all it rests on, from `Keys`.
        make : callable
            Computes it.

        Returns
        -------
        Case
            The case.
        """
        kept = self._kept.get(study)
        if kept is None or kept[0] != key:
            kept = key, make()
            self._kept[study] = kept
        return kept[1]

    def keep_only(self, studies: Sequence[str]) -> None:
        """Forget the studies that the document no longer names."""
        self._kept = {name: kept for name, kept in self._kept.items() if name in studies}


class Keys:
    """Digests of what each study of a document rests on.

    Parameters
    ----------
    store : Store
        The store.
    document : StudyDocument
        The study document.
    shared : str
        Digest of what every study rests on: the factors, and what the report is for.
    windows : mapping
        From `Store.windows_of`.
    devices : sequence of mapping
        Rows with `site` and `device`: ledgers, and readings stored.
    """

    def __init__(
        self,
        store: Store,
        document: StudyDocument,
        shared: str,
        windows: Mapping[Series, tuple[int, str]],
        devices: Sequence[Row],
    ) -> None:
        self._store, self._document = store, document
        self._windows, self._devices = windows, devices
        activities = store.activities(document.tenant)
        self._shared = [shared, _text(activities), _text(document.gateway)]
        self._exclusions = store.exclusions(document.tenant)
        self._register = store.consents.register(document.tenant)
        self._weather: dict[str, str] = {}

    def of(self, study: Study) -> str:
        """Return the key of a study."""
        document, site = self._document, self._document.site_of(study)
        own = [(site.id, device) for device in study.devices]
        parts = [
            *self._shared,
            _text([study, site, document.devices_of(study)]),
            _text([(k, v) for k, v in sorted(self._windows.items()) if k[:2] in own]),
            _text([row for row in self._devices if (row["site"], row["device"]) in own]),
            _text([row for row in self._exclusions if (row["site"], row["device"]) in own]),
            _text([self._register.terms(*each) for each in own]),
            _text(self._store.locked_plan(document.tenant, study.id)),
            self._weather_of(site.station) if site.station else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _weather_of(self, station: str) -> str:
        if station not in self._weather:
            rows = self._store.temperatures(self._document.tenant, station)
            self._weather[station] = hashlib.sha256(_text(rows).encode()).hexdigest()
        return self._weather[station]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
