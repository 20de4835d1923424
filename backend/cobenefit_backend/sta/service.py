"""Answers of the SensorThings service: entities with their links, pages, expansions."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Connection

from cobenefit_backend.errors import RequestError
from cobenefit_backend.sta import observations
from cobenefit_backend.sta.catalogue import KEYS, OBSERVATIONS, Catalogue, Stream, grouped
from cobenefit_backend.sta.entities import NAVIGATION, Entity, describe
from cobenefit_backend.sta.filters import bad, holds
from cobenefit_backend.sta.observations import Window
from cobenefit_backend.sta.options import Options
from cobenefit_backend.sta.paths import Target

MAX_ENTITIES = 20_000
_REQ = "http://www.opengis.net/spec/iot_sensing/1.1/req"
CONFORMANCE = tuple(
    f"{_REQ}/{name}"
    for name in (
        "datamodel/thing", "datamodel/location", "datamodel/datastream", "datamodel/sensor",
        "datamodel/observed-property", "datamodel/observation", "datamodel/feature-of-interest",
        "datamodel/entity-control-information", "resource-path/resource-path-to-entities",
        "request-data/order", "request-data/expand", "request-data/select",
        "request-data/status-code", "request-data/query-status-code", "request-data/orderby",
        "request-data/top", "request-data/skip", "request-data/count", "request-data/pagination",
    )
)  # fmt: skip
"""What we say we do; `$filter` and historical locations, of which we do a part, are not in it."""


def root(base: str) -> Entity:
    """Return the service document.

    Parameters
    ----------
    base : str
        Address of the service, without a slash at the end.

    Returns
    -------
    dict
        The entity sets and what the service conforms to.
    """
    sets = [{"name": kind, "url": f"{base}/{kind}"} for kind in KEYS]
    return {"value": sets, "serverSettings": {"conformance": list(CONFORMANCE)}}


class Service:
    """Answers for one tenant, within one transaction.

    Parameters
    ----------
    base : str
        Address of the service, without a slash at the end.
    connection : Connection
        A transaction that reads the tenant.
    tenant : str
        Whose.
    catalogue : Catalogue
        What the reader may see.
    """

    def __init__(
        self, base: str, connection: Connection, tenant: str, catalogue: Catalogue
    ) -> None:
        self._base = base
        self._catalogue = catalogue
        self._connection = connection
        self._tenant = tenant
        self._left = MAX_ENTITIES

    def answer(self, target: Target, path: str, options: Options) -> Any:
        """Return what a path and its options ask for.

        Parameters
        ----------
        target : Target
            Where the path leads.
        path : str
            The path, for links.
        options : Options
            The options.

        Returns
        -------
        Any
            An entity, a page of them, or the plain value of a property.

        Raises
        ------
        RequestError
            400 for an answer without bounds, 404 for an entity or property there is not.
        """
        if not target.single:
            page = self._page(target.kind, target.streams, f"{self._base}/{quote(path)}", options)
            return _links(page) if target.suffix else page
        entity = self._single(target, options)
        if target.suffix == "$ref":
            return {"@iot.selfLink": entity["@iot.selfLink"]}
        if not target.property:
            return entity
        if target.property not in entity or "@" in target.property:
            raise RequestError(404, "resource", f"no property {target.property!r} here")
        value = entity[target.property]
        return value if target.suffix else {target.property: value}

    def _single(self, target: Target, options: Options) -> Entity:
        if target.kind == OBSERVATIONS:
            stream, window = target.streams[0], target.window or (0, 0)
            rows = observations.one(self._connection, self._tenant, stream, window)
            if not rows:
                raise RequestError(404, "resource", "no such observation")
            return self._observation(Window(stream, rows[0]), options)
        return self._entity(target.kind, KEYS[target.kind](target.streams[0]), options)

    def _page(
        self, kind: str, streams: Sequence[Stream], url: str, options: Options, prefix: str = ""
    ) -> Entity:
        """Return one page under `prefix` + value, @iot.count, @iot.nextLink."""
        if kind == OBSERVATIONS:
            return self._observations(streams, url, options, prefix)
        plain = {name: self._plain(kind, name) for name in grouped(streams, kind)}
        if options.condition is not None:
            condition = options.condition
            plain = {name: each for name, each in plain.items() if holds(condition, each)}
        names = _sorted(plain, options)
        chosen = names[options.skip : options.skip + options.top]
        found = [self._entity(kind, name, options) for name in chosen]
        page: Entity = {f"{prefix}@iot.count": len(names)} if options.count else {}
        page[prefix or "value"] = found
        if options.top and options.skip + options.top < len(names):
            following = {"$skip": str(options.skip + options.top)}
            page[f"{prefix}@iot.nextLink"] = _next(url, options, following)
        return page

    def _observations(
        self, streams: Sequence[Stream], url: str, options: Options, prefix: str
    ) -> Entity:
        windows = observations.page(self._connection, self._tenant, streams, options)
        found = [self._observation(window, options) for window in windows[: options.top]]
        page: Entity = {prefix or "value": found}
        if options.count:
            total = observations.count(self._connection, self._tenant, streams, options)
            page[f"{prefix}@iot.count"] = total
        if len(windows) > options.top > 0:
            following = {"$skiptoken": windows[options.top - 1].id}
            if not observations.by_time(options):
                following = {"$skip": str(options.skip + options.top)}
            page[f"{prefix}@iot.nextLink"] = _next(url, options, following)
        return page

    def _plain(self, kind: str, name: str) -> Entity:
        return {"@iot.id": name, **describe(kind, self._catalogue.groups(kind)[name][0])}

    def _entity(self, kind: str, name: str, options: Options) -> Entity:
        return self._complete(
            kind, self._plain(kind, name), self._catalogue.groups(kind)[name], options
        )

    def _observation(self, window: Window, options: Options) -> Entity:
        plain = {"@iot.id": window.id, **window.describe()}
        return self._complete(OBSERVATIONS, plain, [window.stream], options)

    def _complete(
        self, kind: str, plain: Entity, streams: Sequence[Stream], options: Options
    ) -> Entity:
        """Return an entity with its links, what is selected of it and what is expanded."""
        self._left -= 1
        if self._left < 0:
            raise bad(f"more than {MAX_ENTITIES} entities in one answer: ask with a smaller $top")
        own = f"{self._base}/{kind}('{quote(plain['@iot.id'])}')"
        known = NAVIGATION[kind]
        if strange := set(options.expand) - set(known):
            raise bad(f"$expand: {kind} do not lead to {', '.join(sorted(strange))}")
        links = {f"{name}@iot.navigationLink": f"{own}/{name}" for name in known}
        entity = {"@iot.id": plain["@iot.id"], "@iot.selfLink": own, **plain, **links}
        if options.select:
            entity = _selected(kind, entity, options.select)
        for name, inner in options.expand.items():
            entity.pop(f"{name}@iot.navigationLink", None)
            entity.update(self._expanded(name, known[name], streams, own, inner))
        return entity

    def _expanded(
        self, name: str, kind: str, streams: Sequence[Stream], own: str, options: Options
    ) -> Entity:
        if name == kind:
            return self._page(kind, streams, f"{own}/{name}", options, prefix=name)
        return {name: self._entity(kind, KEYS[kind](streams[0]), options)}


def _next(url: str, options: Options, following: dict[str, str]) -> str:
    kept = {k: v for k, v in options.raw.items() if k not in ("$skip", "$skiptoken")}
    return f"{url}?{urlencode({**kept, **following}, safe='$')}"


def _selected(kind: str, entity: Entity, wanted: Sequence[str]) -> Entity:
    names = {"@iot.id" if name == "id" else name for name in wanted}
    links = {f"{name}@iot.navigationLink" for name in names & set(NAVIGATION[kind])}
    if strange := names - set(entity) - set(NAVIGATION[kind]):
        raise bad(f"$select: {kind} have no {', '.join(sorted(strange))}")
    return {k: v for k, v in entity.items() if k in names or k in links or k == "@iot.selfLink"}


def _sorted(plain: dict[str, Entity], options: Options) -> list[str]:
    names = list(plain)
    for name, down in reversed(options.order):
        key = "@iot.id" if name == "id" else name
        if any(not isinstance(each.get(key), str) for each in plain.values()):
            raise bad(f"$orderby: {name!r} is no text property here")
        names.sort(key=lambda each: str(plain[each][key]), reverse=down)
    return names


def _links(page: Entity) -> Entity:
    links = [{"@iot.selfLink": each["@iot.selfLink"]} for each in page["value"]]
    return {**page, "value": links}
