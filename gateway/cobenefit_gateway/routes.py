"""Where a topic leads: parsed once, then one look-up for each message.

A route of packs remembers the series of its channel and the sequences of the boot that spoke
last. Bounded: a stranger inventing topics makes it start afresh.
"""

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


class Route:
    """One topic; `problem` when it is none of ours, `adapter` when somebody can read it yet."""

    __slots__ = (
        *("adapter", "batch", "boot", "key", "problem"),
        *("sequences", "series", "topic", "unit"),
    )

    def __init__(
        self, topic: Topic, problem: WireError | None, adapter: "Adapter | None" = None
    ) -> None:
        self.topic = topic
        self.adapter = adapter
        self.problem = problem
        self.series: Series | None = None
        self.unit = ""
        self.boot = -1
        self.key: DeviceBoot = ("", "", -1)
        self.sequences: Sequences | None = None
        self.batch = -1


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
            site, device, leaf, channel = topics.parse(text)
        except WireError as err:
            route = Route(Topic("", "", "", ""), err, self._adapters.of(text))
        else:
            route = Route(Topic(intern(site), device, intern(leaf), intern(channel)), None)
        self[text] = route
        return route
