"""The query options of a request and of an expanded navigation (OGC 18-088, 9.3)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from cobenefit_backend.sta.filters import Condition, bad, parse, unsupported

DEFAULT_TOP = 100
MAX_TOP = 1000
MAX_SKIP = 1_000_000
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What a request asks beside its path.

    Parameters
    ----------
    top, skip : int
        Size of a page and how many come before it. [1]
    count : bool
        Whether `@iot.count` is wanted.
    select : tuple of str
        Properties wanted; empty: all.
    order : tuple of (str, bool)
        Properties to sort by, and whether downwards.
    condition : Condition or None
        From `$filter`.
    expand : mapping
        Options of each navigation that is expanded.
    token : str
        Id of the observation before this page.
    raw : mapping
        The options as they were written, for the link to the next page.
    """

    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    select: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    condition: Condition | None = None
    expand: dict[str, "Options"] = field(default_factory=dict)
    token: str = ""
    raw: dict[str, str] = field(default_factory=dict)


def read(pairs: Iterable[tuple[str, str]], depth: int = 0) -> Options:
    """Return the options that pairs of name and value state.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Names with their `$`; others are not ours and are left alone.
    depth : int, optional
        Levels of `$expand` around them. [1]

    Returns
    -------
    Options
        The options.

    Raises
    ------
    RequestError
        400 for a value that is not well formed, 501 for an option that is not supported.
    """
    found = Options()
    raw = {}
    for name, value in pairs:
        if not name.startswith("$"):
            continue
        if name in raw:
            raise bad(f"{name} is given twice")
        raw[name] = value
        found = _with(found, name, value, depth)
    return replace(found, raw=raw)


def _with(found: Options, name: str, value: str, depth: int) -> Options:
    reader = _READERS.get(name)
    if reader is None and name != "$expand":
        raise unsupported(f"{name} is not supported")
    read_as = reader[1](value) if reader else _expand(value, depth + 1)
    changes: dict[str, Any] = {reader[0] if reader else "expand": read_as}
    return replace(found, **changes)


def _number(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > MAX_SKIP:
        raise bad(f"$top and $skip are numbers from 0 to {MAX_SKIP}, not {value!r}")
    return int(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise bad(f"$count is true or false, not {value!r}")
    return value == "true"


def _order(text: str) -> tuple[str, bool]:
    name, _, direction = text.strip().partition(" ")
    if not name or direction.strip().lower() not in ("", "asc", "desc"):
        raise bad(f"$orderby: write NAME asc or NAME desc, not {text!r}")
    return name, direction.strip().lower() == "desc"


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "$top": ("top", lambda value: min(_number(value), MAX_TOP)),
    "$skip": ("skip", _number),
    "$count": ("count", _boolean),
    "$select": ("select", lambda value: tuple(part.strip() for part in value.split(","))),
    "$orderby": ("order", lambda value: tuple(_order(part) for part in value.split(","))),
    "$filter": ("condition", parse),
    "$skiptoken": ("token", str),
}


def _expand(text: str, depth: int) -> dict[str, Options]:
    if depth > MAX_DEPTH:
        raise bad(f"$expand: at most {MAX_DEPTH} levels")
    found: dict[str, Options] = {}
    for part in split(text, ","):
        path, _, rest = part.strip().partition("(")
        name, _, deeper = path.strip().partition("/")
        inner = rest.removesuffix(")")
        if rest and not rest.endswith(")"):
            raise bad(f"$expand: a bracket is not closed in {part!r}")
        if deeper:
            inner = f"$expand={deeper}({inner})" if inner else f"$expand={deeper}"
        pairs = (pair.strip().partition("=")[::2] for pair in split(inner, ";") if pair.strip())
        new = read(pairs, depth)
        known = found.get(name)
        found[name] = replace(known, expand={**known.expand, **new.expand}) if known else new
    return found


def split(text: str, mark: str) -> list[str]:
    """Return the parts between marks that stand outside brackets and quotes.

    Parameters
    ----------
    text : str
        A text.
    mark : str
        One character.

    Returns
    -------
    list of str
        The parts.
    """
    parts, level, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        level += 0 if quoted else (character == "(") - (character == ")")
        if character == mark and not level and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
