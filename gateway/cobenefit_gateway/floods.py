"""Devices that send far more than they should, told from those that empty a backlog.

Messages are counted by topic as the intake takes them, which costs it next to nothing. A bucket
for each device fills with its messages and drains at `flood_per_s`; only when five minutes' worth
is left over is the device said to flood: a backlog is over before that. Buckets that are empty are
forgotten, so what is held is bounded by the devices that send too much. It must do no I/O.
"""

from collections import Counter
from collections.abc import Iterable
from threading import Lock

from cobenefit_gateway.config import Config
from cobenefit_wire.topics import PREFIX

Place = tuple[str, str]
#: A device may be so far ahead of its allowance; below half of it a flood is over. [s]
_BURST_S = 300.0
#: Topics counted between two looks; beyond, only those known already are. [1]
_MOST_TOPICS = 50_000


class Floods:
    """Counts messages by device.

    Parameters
    ----------
    config : Config
        Its `[[node]]` rules say what is too much.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = Lock()
        self._topics: Counter[str] = Counter()
        self._ahead: dict[Place, float] = {}
        self._flooding: dict[Place, float] = {}
        self._looked_s: float | None = None

    def count(self, topics: Iterable[str]) -> None:
        """Note the topics of messages the intake takes; called by its thread."""
        with self._lock:
            if len(self._topics) < _MOST_TOPICS:
                self._topics.update(topics)
            else:
                self._topics.update(topic for topic in topics if topic in self._topics)

    def look(self, now_s: float) -> dict[Place, float]:
        """Return who floods, and with how many messages a second [1/s].

        Parameters
        ----------
        now_s : float
            Time of this look. [s]

        Returns
        -------
        dict
            Messages a second since the last look, by site and device. [1/s]
        """
        with self._lock:
            counted, self._topics = self._topics, Counter()
        passed_s = max(now_s - self._looked_s, 0.001) if self._looked_s is not None else _BURST_S
        self._looked_s = now_s
        messages = _by_device(counted)
        for place in messages.keys() | self._ahead.keys():
            self._pour(place, messages.get(place, 0), passed_s)
        return self._flooding

    def _pour(self, place: Place, messages: int, passed_s: float) -> None:
        allowed = self._config.node_rule(*place).flood_per_s
        ahead = self._ahead.pop(place, 0.0) + messages - allowed * passed_s
        if ahead > 0:
            self._ahead[place] = ahead
        limit = allowed * _BURST_S / (2 if place in self._flooding else 1)
        if ahead > limit:
            self._ahead[place] = min(ahead, 2 * allowed * _BURST_S)
            self._flooding[place] = messages / passed_s
        else:
            self._flooding.pop(place, None)


def _by_device(topics: Counter[str]) -> Counter[Place]:
    found: Counter[Place] = Counter()
    for topic, messages in topics.items():
        parts = topic.split("/", 4)
        if len(parts) == 5 and topic.startswith(PREFIX):
            found[parts[2], parts[3]] += messages
    return found
