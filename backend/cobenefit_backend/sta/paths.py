"""Resource paths: `Things('town.school')/Datastreams`, narrowed segment by segment.

OGC 18-088, 9.2: an entity set, one entity of it, what it leads to, one property, its plain value,
or `$ref` for links only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from cobenefit_backend.errors import RequestError
from cobenefit_backend.sta.catalogue import KEYS, OBSERVATIONS, Catalogue, Stream, grouped
from cobenefit_backend.sta.entities import NAVIGATION
from cobenefit_backend.sta.filters import bad
from cobenefit_backend.sta.observations import split_id

MAX_LENGTH = 1000
_SEGMENT = re.compile(r"([A-Za-z@$][\w.@]*)(?:\((?:'((?:[^']|'')*)'|(\d+))\))?")


@dataclass(frozen=True, slots=True)
class Target:
    """What a path points at.

    Parameters
    ----------
    kind : str
        Entity set.
    streams : sequence of Stream
        The datastreams left.
    single : bool
        Whether it is one entity, not a set.
    window : tuple of int or None
        Start [ms] and length [s] of an observation that the path names.
    property : str
        A property of the entity; empty: the entity.
    suffix : str
        `$ref`, `$value` or empty.
    """

    kind: str
    streams: Sequence[Stream]
    single: bool = False
    window: tuple[int, int] | None = None
    property: str = ""
    suffix: str = ""


def resolve(path: str, catalogue: Catalogue) -> Target:
    """Return what a path points at.

    Parameters
    ----------
    path : str
        After the service's root, decoded.
    catalogue : Catalogue
        What the reader may see.

    Returns
    -------
    Target
        The target.

    Raises
    ------
    RequestError
        400 for a path that is not well formed, 404 for one that leads nowhere.
    """
    if len(path) > MAX_LENGTH:
        raise bad(f"a path has at most {MAX_LENGTH} characters")
    first, *rest = path.split("/")
    kind = first.partition("(")[0]
    target = _entered(first, kind, catalogue.groups(kind) if kind in KEYS else {})
    for segment in rest:
        target = _step(target, segment, catalogue)
    return target


def _step(target: Target, segment: str, catalogue: Catalogue) -> Target:
    if target.suffix:
        raise bad(f"nothing follows {target.suffix}")
    if segment == "$ref" and not target.property:
        return replace(target, suffix=segment)
    if segment == "$value" and target.property:
        return replace(target, suffix=segment)
    name = segment.partition("(")[0]
    kind = NAVIGATION[target.kind].get(name)
    if target.property or not target.single:
        raise _nowhere(segment)
    if kind is None:
        return replace(target, property=segment)
    known = catalogue.groups(kind)
    related = {entity: known[entity] for entity in grouped(target.streams, kind)}
    found = _entered(segment, kind, related)
    return found if found.single else replace(found, single=name != kind)


def _entered(segment: str, kind: str, groups: dict[str, list[Stream]]) -> Target:
    match = _SEGMENT.fullmatch(segment)
    if kind not in KEYS or match is None:
        raise _nowhere(segment)
    text, number = match[2], match[3]
    if text is None and number is None:
        return Target(kind, list(chain.from_iterable(groups.values())))
    wanted, window = number or text.replace("''", "'"), None
    if kind == OBSERVATIONS:
        wanted, window = split_id(wanted)
    if wanted not in groups or (kind == OBSERVATIONS and window is None):
        raise _nowhere(segment)
    return Target(kind, groups[wanted], single=True, window=window)


def _nowhere(segment: str) -> RequestError:
    return RequestError(404, "resource", f"no {segment!r} here; the sets are {', '.join(KEYS)}")
