"""The `$filter` of a query: comparisons joined by and, or, not (OGC 18-088, 9.3.3.5).

An observation's time is a window, start inclusive and end exclusive. A comparison with it holds
when it holds for every instant of the window: `ge t` starts at t or later, `lt t` ends by t.

>>> holds(parse("name eq 'school' and not (id eq 'x')"), {"name": "school", "@iot.id": "y"})
True
"""

import operator
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cobenefit_backend.errors import RequestError

MAX_LENGTH = 2000
MAX_DEPTH = 20
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<time>\d{4}-\d\d-\d\dT[^\s()',]+)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<mark>[(),])"
    r"|(?P<word>[A-Za-z@][\w./@]*))"
)
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_COMPARE = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge,
    "lt": operator.lt, "le": operator.le,
}  # fmt: skip
Literal = str | float | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A property beside a value; a time is its start and end in Unix milliseconds."""

    name: str
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more conditions under `and` or `or`, or one under `not`."""

    operator: str
    parts: "tuple[Condition, ...]"


Condition = Comparison | Joined


def bad(detail: str) -> RequestError:
    """Return the refusal of a query that is not well formed."""
    return RequestError(400, "query", detail)


def unsupported(detail: str) -> RequestError:
    """Return the refusal of what the standard has and this service has not."""
    return RequestError(501, "not-supported", detail)


def parse(text: str) -> Condition:
    """Return the condition a text states.

    Parameters
    ----------
    text : str
        The value of `$filter`.

    Returns
    -------
    Condition
        The condition.

    Raises
    ------
    RequestError
        400 when it is not well formed, 501 for functions and arithmetic.
    """
    if len(text) > MAX_LENGTH:
        raise bad(f"$filter: at most {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    found = parser.either(0)
    if parser.ahead:
        raise bad(f"$filter: {parser.ahead[0][1]!r} is not expected after a whole condition")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad(f"$filter: not understood from {text[at : at + 30]!r}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.ahead = tokens

    def take(self, *wanted: str) -> str:
        """Return the next token when it is one of those wanted, else an empty text."""
        if self.ahead and self.ahead[0][1] in wanted:
            return self.ahead.pop(0)[1]
        return ""

    def either(self, depth: int) -> Condition:
        parts = [self.both(depth)]
        while self.take("or"):
            parts.append(self.both(depth))
        return Joined("or", tuple(parts)) if len(parts) > 1 else parts[0]

    def both(self, depth: int) -> Condition:
        parts = [self.one(depth)]
        while self.take("and"):
            parts.append(self.one(depth))
        return Joined("and", tuple(parts)) if len(parts) > 1 else parts[0]

    def one(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise bad(f"$filter: more than {MAX_DEPTH} levels of brackets")
        if self.take("not"):
            return Joined("not", (self.one(depth + 1),))
        if self.take("("):
            inner = self.either(depth + 1)
            if not self.take(")"):
                raise bad("$filter: a bracket is not closed")
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        kind, name = self.ahead.pop(0) if self.ahead else ("", "")
        if self.ahead and self.ahead[0][1] == "(":
            raise unsupported(f"$filter: functions such as {name}() are not supported")
        if kind != "word":
            raise bad(f"$filter: a property is expected, not {name!r}")
        sign = self.take(*_SIGNS)
        if not sign:
            found = self.ahead[0][1] if self.ahead else "the end"
            raise bad(f"$filter: one of {', '.join(_SIGNS)} is expected after {name}, not {found}")
        if not self.ahead:
            raise bad(f"$filter: a value is expected after {name} {sign}")
        return Comparison(name, sign, _literal(*self.ahead.pop(0)))


def _literal(kind: str, text: str) -> Literal:
    match kind:
        case "text":
            return text[1:-1].replace("''", "'")
        case "number":
            return float(text)
        case "time":
            start, _, end = text.partition("/")
            return (_instant(start), _instant(end)) if end else (_instant(start),) * 2
    raise bad(f"$filter: a text in quotes, a number or a time is expected, not {text!r}")


def _instant(text: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad(f"$filter: {text!r} is no time: write 2024-01-31T00:00:00Z") from error
    if when.tzinfo is None:
        raise bad(f"$filter: {text!r} needs an offset from UTC: write Z or +01:00")
    return round((when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def holds(condition: Condition, entity: dict[str, Any]) -> bool:
    """Return whether a condition holds for an entity that is at hand."""
    if isinstance(condition, Joined):
        parts = (holds(part, entity) for part in condition.parts)
        match condition.operator:
            case "and":
                return all(parts)
            case "or":
                return any(parts)
        return not next(parts)
    value: Any = condition.value
    found = _property(entity, condition.name)
    if type(value) is not type(found):
        return condition.operator == "ne"
    return bool(_COMPARE[condition.operator](found, value))


def _property(entity: dict[str, Any], name: str) -> Any:
    found: Any = entity
    for part in name.split("/"):
        key = "@iot.id" if part == "id" else part
        if not isinstance(found, dict) or key not in found:
            raise bad(f"no property {name!r} here")
        found = found[key]
    if isinstance(found, dict):
        raise bad(f"{name!r} can't be compared: name what is in it, as in {name}/…")
    return float(found) if isinstance(found, int) else found


END = "(start_ms + length_s * CAST(1000 AS bigint))"


def sql(condition: Condition, result: str, values: dict[str, Any]) -> str:
    """Return a condition on observations as SQL.

    Parameters
    ----------
    condition : Condition
        The condition.
    result : str
        SQL expression of the result.
    values : dict
        Takes the values by name.

    Returns
    -------
    str
        SQL with `:name` for each value.
    """
    if isinstance(condition, Joined):
        parts = [sql(part, result, values) for part in condition.parts]
        if condition.operator == "not":
            return f"NOT {parts[0]}"
        return f"({f' {condition.operator.upper()} '.join(parts)})"
    name = f"f{len(values)}"
    if condition.name == "result" and isinstance(condition.value, float):
        values[name] = condition.value
        return f"({result} {_SIGNS[condition.operator]} :{name})"
    if condition.name == "phenomenonTime" and isinstance(condition.value, tuple):
        return _time(condition.operator, condition.value, name, values)
    if condition.name in ("result", "phenomenonTime"):
        raise bad(f"$filter: {condition.name} is compared with a number or a time, as it is")
    raise unsupported(f"$filter of observations: phenomenonTime or result, not {condition.name}")


def _time(sign: str, window: tuple[int, int], name: str, values: dict[str, Any]) -> str:
    start, end = window
    match sign:
        case "eq" | "ne":
            values[name], values[f"{name}e"] = start, end
            same = f"(start_ms = :{name} AND {END} = :{name}e)"
            return same if sign == "eq" else f"NOT {same}"
        case "gt" | "ge":
            # An interval is over at its end; what comes after it may start there.
            values[name] = end
            return f"(start_ms {'>' if sign == 'gt' and start == end else '>='} :{name})"
    values[name] = start
    return f"({END} <= :{name})"
