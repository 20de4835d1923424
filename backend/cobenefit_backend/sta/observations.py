"""Observations: windows of one datastream after another, read by key and never all at once.

A page goes on from the last window of the page before, so that the thousandth costs what the
first does; a count stops at `COUNT_CAP`. Both are what people report of larger servers
(FraunhoferIOSB/FROST-Server, issues 287, 1262 and 2096: counts and the latest value time out).
What a stream's consents and corrections hide, the query leaves out, so that pages stay full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from cobenefit_backend.database import Row, owned
from cobenefit_backend.sta.catalogue import KEYS, OBSERVATIONS, Stream
from cobenefit_backend.sta.entities import Entity, kind_of
from cobenefit_backend.sta.filters import bad, sql, unsupported
from cobenefit_backend.sta.options import Options
from cobenefit_backend.store import DAILY
from cobenefit_wire.units import COUNTER

COUNT_CAP = 100_000
_RESOLUTION = {"day": DAILY, "window": "length_s <= 3600"}
_LEFT_OUT = (
    "NOT EXISTS (SELECT 1 FROM (VALUES {rows}) AS left_out WHERE start_ms < column2 "
    "AND start_ms + length_s * CAST(1000 AS bigint) > column1)"
)
_AGREED = (
    "EXISTS (SELECT 1 FROM (VALUES {rows}) AS agreed WHERE length_s >= column1 "
    "AND start_ms >= column2 AND start_ms < column3)"
)
_FOREVER_MS = 2**62
_MEAN = "CASE WHEN rollup.count > 0 THEN rollup.sum / rollup.count END"


@dataclass(frozen=True, slots=True)
class Window:
    """One observation: its datastream and the row of its window."""

    stream: Stream
    row: Row

    @property
    def id(self) -> str:
        """Return its id: the datastream's, start and length."""
        datastream = KEYS[OBSERVATIONS](self.stream)
        return f"{datastream}.{self.row['start_ms']}.{self.row['length_s']}"

    def describe(self) -> Entity:
        """Return its properties; the result is null where a window holds no reading."""
        row = self.row
        end_ms = row["start_ms"] + row["length_s"] * 1000
        return {
            "phenomenonTime": f"{_iso(row['start_ms'])}/{_iso(end_ms)}",
            "resultTime": None,
            "result": row["result"],
            "parameters": {
                "coverage_ratio": row["count"] / row["expected"] if row["expected"] else None,
                **{name: row[name] for name in _PARAMETERS},
            },
        }


_PARAMETERS = ("count", "expected", "flagged", "min", "max", "revision")


def _iso(t_ms: int) -> str:
    text = datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def split_id(text: str) -> tuple[str, tuple[int, int] | None]:
    """Return the datastream and the (start, length) an observation's id names.

    Parameters
    ----------
    text : str
        The id.

    Returns
    -------
    tuple
        Id of the datastream; start [ms] and length [s], None when it is no such id.
    """
    parts = text.rsplit(".", 2)
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts[1:]):
        start_ms, length_s = int(parts[1]), int(parts[2])
        if start_ms < 2**53 and length_s < 2**31:
            return parts[0], (start_ms, length_s)
    return text, None


def one(connection: Connection, tenant: str, stream: Stream, window: tuple[int, int]) -> list[Row]:
    """Return the row of one window, or none.

    Parameters
    ----------
    connection : Connection
        A transaction that reads the tenant.
    tenant : str
        Whose.
    stream : Stream
        Its datastream.
    window : tuple of int
        Start [ms] and length. [s]

    Returns
    -------
    list of dict
        One row at most.
    """
    query, values = _query(stream, Options(), "start_ms = :start_ms AND length_s = :length_s")
    given = {**values, "tenant": tenant, "start_ms": window[0], "length_s": window[1], "wanted": 1}
    return _read(connection, query, given)


def page(
    connection: Connection, tenant: str, streams: Sequence[Stream], options: Options
) -> list[Window]:
    """Return the observations of a page and, where there is one, the first of the next.

    Parameters
    ----------
    connection : Connection
        A transaction that reads the tenant.
    tenant : str
        Whose.
    streams : sequence of Stream
        Their datastreams.
    options : Options
        What is wanted.

    Returns
    -------
    list of Window
        At most `options.top + 1`.
    """
    if options.order and len(streams) > 1:
        raise unsupported("$orderby of observations: within one Datastream, by its Observations")
    wanted, skip = options.top + 1, options.skip
    if skip and len(streams) > 1:
        raise unsupported("$skip of observations: within one Datastream, or follow the nextLink")
    found: list[Window] = []
    for stream, after in _from_token(streams, options.token):
        query, values = _query(stream, options, _after(after, options))
        given = {"wanted": wanted - len(found), "skip": skip, "tenant": tenant, **values}
        if after:
            given |= {"after_ms": after[0], "after_s": after[1]}
        found += [Window(stream, row) for row in _read(connection, query, given)]
        if len(found) == wanted:
            break
    return found


def _from_token(
    streams: Sequence[Stream], token: str
) -> list[tuple[Stream, tuple[int, int] | None]]:
    """Return the datastreams left to read; the first goes on after a window."""
    if not token:
        return [(stream, None) for stream in streams]
    datastream, window = split_id(token)
    ids = [KEYS[OBSERVATIONS](stream) for stream in streams]
    if window is None or datastream not in ids:
        raise bad("$skiptoken is none of ours: follow the nextLink as it is")
    left = streams[ids.index(datastream) :]
    return [(left[0], window), *((stream, None) for stream in left[1:])]


def _after(after: tuple[int, int] | None, options: Options) -> str:
    if after is None:
        return ""
    sign = "<" if options.order and options.order[0][1] else ">"
    return f"(start_ms, length_s) {sign} (:after_ms, :after_s)"


def by_time(options: Options) -> bool:
    """Return whether observations are wanted in time order, up or down."""
    return not options.order or options.order[0][0] == "phenomenonTime"


def count(connection: Connection, tenant: str, streams: Sequence[Stream], options: Options) -> int:
    """Return how many observations there are, up to a cap.

    Parameters
    ----------
    connection : Connection
        A transaction that reads the tenant.
    tenant : str
        Whose.
    streams : sequence of Stream
        Their datastreams.
    options : Options
        With the filter.

    Returns
    -------
    int
        The number, or `COUNT_CAP` when there are as many or more. [1]
    """
    total = 0
    for stream in streams:
        where, values = _where(stream, options)
        query = f"SELECT count(*) AS n FROM (SELECT 1 FROM {{rollup}} WHERE {where} LIMIT :left)"  # noqa: S608
        given = {**values, "tenant": tenant, "left": COUNT_CAP - total}
        total += _read(connection, f"{query} AS counted", given)[0]["n"]
        if total >= COUNT_CAP:
            break
    return total


def _result(stream: Stream) -> str:
    return "rollup.delta" if kind_of(stream) == COUNTER else _MEAN


def _where(stream: Stream, options: Options) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {}
    parts = ["series_id = :series", _RESOLUTION[stream.resolution]]
    if options.condition is not None:
        parts.append(sql(options.condition, f"({_result(stream)})", values))
    agreed = [
        (*span[:2], _FOREVER_MS if span[2] is None else span[2]) for span in stream.agreed or ()
    ]
    for template, spans in ((_LEFT_OUT, stream.left_out), (_AGREED, agreed)):
        if spans:
            parts.append(template.format(rows=_rows(spans, values)))
    return " AND ".join(parts), {**values, "series": stream.series}


def _rows(spans: Sequence[tuple[int, ...]], values: dict[str, Any]) -> str:
    """Return spans as the rows of a query, with their numbers among its values."""
    rows = []
    for span in spans:
        names = [f"s{len(values) + n}" for n in range(len(span))]
        values.update(zip(names, span, strict=True))
        rows.append(f"({', '.join(f':{name}' for name in names)})")
    return ", ".join(rows)


def _query(stream: Stream, options: Options, extra: str) -> tuple[str, dict[str, Any]]:
    where, values = _where(stream, options)
    query = (
        f"SELECT start_ms, length_s, count, expected, flagged, min, max, revision, "  # noqa: S608
        f"{_result(stream)} AS result FROM {{rollup}} WHERE {where}"
        f"{f' AND {extra}' if extra else ''} ORDER BY {_order(options)} LIMIT :wanted"
    )
    return f"{query} OFFSET :skip" if options.skip else query, values


def _order(options: Options) -> str:
    if not options.order:
        return "start_ms, length_s"
    (name, down), *more = options.order
    column = {"phenomenonTime": "start_ms", "result": "result"}.get(name)
    if column is None or more:
        raise unsupported("$orderby of observations: phenomenonTime or result, one of them")
    way = "DESC" if down else "ASC"
    ties = f"length_s {way}" if column == "start_ms" else "start_ms, length_s"
    return f"{column} {way}, {ties}"


def _read(connection: Connection, query: str, values: dict[str, Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(owned(query), values).mappings()]
