"""Where a topic leads: parsed once, then one look-up for each message.

A route of packs remembers the series of its channel and the sequences of the boot that spoke
last. Bounded: a stranger inventing topics makes it start afresh.
"""

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

from cobenefit_wire import topics
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import Topic

if TYPE_CHECKING:
    from cobenefit_gateway.acks import Sequences
    from cobenefit_gateway.adapters import Adapter, Adapters
    from cobenefit_gateway.state import DeviceBoot, Series

_KEPT = 200_000
_NO_KEY = ("", "", -1)
_NO_TOPIC = Topic("", "", "", "")


@lru_cache(maxsize=4096)
def _parse(text: str) -> Topic:
    # Whoever asks in the next batches gets the same texts, so that each is there once.
    site, device, leaf, channel = topics.parse(text)
    return Topic(intern(site), device, intern(leaf), intern(channel))


class Route:
    """One topic; `problem` when it is none of ours, `adapter` when somebody can read it yet."""

    __slots__ = (
        *("_text", "adapter", "batch", "boot", "key"),
        *("leaf", "problem", "sequences", "series", "unit"),
    )

    def __init__(
        self, text: str, leaf: str, problem: WireError | None, adapter: "Adapter | None" = None
    ) -> None:
        self._text = text
        self.leaf = leaf
        self.adapter = adapter
        self.problem = problem
        self.series: Series | None = None
        self.unit = ""
        self.boot = -1
        self.key: DeviceBoot = _NO_KEY
        self.sequences: Sequences | None = None
        self.batch = -1

    @property
    def topic(self) -> Topic:
        """Its parts, all '' when it is none of ours."""
        return _NO_TOPIC if self.problem is not None else _parse(self._text)


class Routes(dict[str, Route]):
    """Routes by topic, made when first asked for.

    Parameters
    ----------
    adapters : Adapters
        Who reads topics that are not ours.
    """

    def __init__(self, adapters: "Adapters") -> None:
        super().__init__()
        self._adapters = adapters

    def __missing__(self, text: str) -> Route:
        """Parse a topic.

        Parameters
        ----------
        text : str
            The topic.

        Returns
        -------
        Route
            Kept for the next message.
        """
        if len(self) >= _KEPT:
            self.clear()
        try:
            route = Route(text, _parse(text).leaf, None)
        except WireError as err:
            route = Route(text, "", err, self._adapters.of(text))
        self[text] = route
        return route
