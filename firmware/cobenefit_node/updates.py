"""Updates while the node runs: hears notices, has releases fetched, confirms or gives up a trial.

What rarely happens (`download.py`, signatures) is imported when it does: a node without an update
under way holds only this file.
"""

import asyncio

from cobenefit_node.slots import TRIES
from cobenefit_node.ticks import ticks_diff, ticks_ms
from cobenefit_wire import cbor, messages
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any


class Updates:
    """Between the link, which brings messages, and the slots, which keep the state."""

    def __init__(self, slots: Any, topic: str, board: str, log: Any) -> None:
        self.slots = slots
        self.topic = topic
        self.board = board
        self.log = log
        self.reports: list[Any] = _report(slots.state)
        self.restart = False
        self._started = ticks_ms()
        self._download: Any = None
        self._task: Any = None
        self._client: Any = None

    def on_trial(self) -> bool:
        """Whether what runs still has to reach the gateway to be kept."""
        return bool(self.slots.state.trial) and not self.restart

    def busy(self) -> bool:
        """Whether a release is being fetched."""
        return self._task is not None

    async def opened(self, client: Any) -> None:
        """Ask for the notice; a broker sends a retained one to new subscriptions only.

        Twice, because rumqttd counts the first after a resumed session as an old one.
        """
        self._client = client
        for _ in range(2):
            await client.unsubscribe(self.topic)
            await client.subscribe(self.topic)

    def closed(self) -> None:
        """End the download with the connection; the next one resumes it."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._download = None

    def received(self, topic: str, payload: bytes) -> None:
        """Take a notice or a chunk."""
        if topic != self.topic:
            if self._download is not None:
                self._download.take(topic, payload)
        elif payload and self._task is None and not self.on_trial():
            self._notice(payload)

    def acked(self) -> None:
        """Confirm what runs: the gateway has stored something of this very boot."""
        state = self.slots.state
        if self.on_trial() or 0 < state.crashes < TRIES:
            self.slots.confirm()
            self.reports = _report(self.slots.state)

    def check(self) -> None:
        """Give up a trial that was not confirmed in its time."""
        state = self.slots.state
        if not self.on_trial():
            return
        if ticks_diff(ticks_ms(), self._started) >= state.confirm_s * 1000:
            reason = "no ack within %d s" % state.confirm_s
            self.log("update %d: %s" % (state.trial_counter, reason))
            self.slots.refuse(state.trial_counter, reason)
            self.restart = True

    def say(self, outcome: str, counter: int, detail: str) -> None:
        """Report to `cmd/result`, and to the console."""
        self.log("update %d: %s %s" % (counter, outcome, detail))
        self.reports = [messages.Result("update", counter, outcome, detail)]

    def _notice(self, payload: bytes) -> None:
        try:
            counter = _counter(payload)
        except (WireError, KeyError, TypeError, IndexError) as err:
            self.say("refused", 0, "notice: " + repr(err))
            return
        state = self.slots.state
        if self.slots.wants(counter):
            self._task = asyncio.create_task(self._fetch(payload))
        elif counter < state.counter:
            self.say("refused", counter, "older than %d, which is confirmed" % state.counter)

    async def _fetch(self, payload: bytes) -> None:
        from cobenefit_node.download import Download, Refused
        from cobenefit_wire import release

        counter = 0
        try:
            signed, signature, notice = release.unseal(payload)
            counter = notice.counter
            self._download = Download(self, notice, self._client)
            self._download.verify(signed, signature)
            self.say("downloading", counter, "")
            slot = await self._download.run()
            self.slots.begin_trial(slot, counter, notice.confirm_s, notice.key or b"")
            self.log("update %d: complete, restarting into %s" % (counter, slot))
            self.restart = True
        except Refused as err:
            if err.for_good:
                self.slots.refuse(counter, str(err))
            self.say("refused", counter, str(err))
        except (OSError, WireError, MemoryError, asyncio.TimeoutError) as err:
            self.say("interrupted", counter, repr(err))
        self._task = self._download = None


def _counter(payload: bytes) -> int:
    """Return the counter of a notice without loading what reads the rest of it [1]."""
    parts: Any = cbor.loads(payload)
    fields: Any = cbor.loads(parts[0])
    counter = fields[2]
    if not isinstance(counter, int):
        raise WireError("notice", "the counter must be an integer")
    return counter


def _report(state: Any) -> list[Any]:
    """Return what to say of the state after a boot, nothing when there never was an update."""
    if state.trial:
        return [messages.Result("update", state.trial_counter, "trial", state.trial)]
    if state.crashes >= TRIES:
        return [messages.Result("update", state.counter, "safe_mode", "crashed in a row")]
    if state.refused > state.counter:
        return [messages.Result("update", state.refused, "refused", state.reason)]
    if state.counter:
        return [messages.Result("update", state.counter, "confirmed", state.active)]
    return []
