"""The broker side behind one interface: records and their identifiers in, bytes out.

Two clients keep it: `mqtt_bulk` cuts the stream itself and is the default, `mqtt_paho` wraps the
reference client. Both keep a persistent session at QoS 1 and acknowledge a message only when
`acknowledge` is called, after it is in the journal; neither reads on when nobody takes what came,
so the broker holds the rest. A message that comes again keeps that flag (`journal.REPEATED`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cobenefit_gateway.config import Config
from cobenefit_gateway.framing import Delivery
from cobenefit_wire import topics

#: Messages of ours the broker has not confirmed at most. [1]
MAX_UNCONFIRMED = 1000
_LEAVES = ("up/#", "senml", "state", "health")


class Broker(Protocol):
    """A connection that keeps itself up."""

    @property
    def connected(self) -> bool:
        """Whether the broker has welcomed us and is still there."""

    def start(self) -> None:
        """Begin to connect, and go on trying."""

    def take(self, wait_s: float, linger_s: float, most: int) -> Delivery:
        """Return messages: waits for the first, then lingers for company.

        Parameters
        ----------
        wait_s : float
            Longest wait for a first message. [s]
        linger_s : float
            How long to gather after it. [s]
        most : int
            Return at once when about this many are there. [1]

        Returns
        -------
        Delivery
            Empty when none came.
        """

    def rest(self, wait_s: float) -> None:
        """Keep the connection up without taking anything: the disk must catch up.

        Parameters
        ----------
        wait_s : float
            How long. [s]
        """

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that messages are safe; those of an earlier session come again."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at QoS 1; False when too many are on their way already."""

    def stop(self) -> None:
        """Disconnect; the broker keeps our session."""


def open_broker(config: Config, password: str, filters: Sequence[str] = ()) -> Broker:
    """Return the client that the configuration names, not started.

    Parameters
    ----------
    config : Config
        Where the broker is, who we are to it, which client.
    password : str
        The broker's password, '' for none.
    filters : sequence of str
        Topic filters beside those of `subscriptions`.

    Returns
    -------
    Broker
        Remembers in `data_dir` what it subscribed to.
    """
    wanted = [*subscriptions(), *filters]
    memory = Subscribed(config.data_dir / "subscriptions", wanted)
    if config.mqtt.client == "paho":
        from cobenefit_gateway.mqtt_paho import PahoBroker

        return PahoBroker(config, password, memory)
    from cobenefit_gateway.mqtt_bulk import BulkBroker

    return BulkBroker(config, password, memory)


def subscriptions() -> list[str]:
    """Return the topic filters of nodes.

    Never `$share/…`: a device's packs belong in one gateway (docs/decisions/0020).
    """
    return [f"{topics.PREFIX}/+/+/{leaf}" for leaf in _LEAVES]


class Subscribed:
    """What the broker's session was asked for, so that a filter no longer wanted is taken back.

    Parameters
    ----------
    file : Path
        One filter a line, also those of earlier runs.
    wanted : sequence of str
        Filters of this run.
    """

    def __init__(self, file: Path, wanted: Sequence[str]) -> None:
        self._file = file
        self.wanted = list(dict.fromkeys(wanted))
        known = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.unwanted = [x for x in known if x not in self.wanted]
        self._write([*self.unwanted, *self.wanted])

    def settled(self) -> None:
        """Forget the unwanted filters: the broker has confirmed that they are gone."""
        if self.unwanted:
            self.unwanted = []
            self._write(self.wanted)

    def _write(self, filters: Sequence[str]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("".join(x + "\n" for x in filters), encoding="utf-8")
