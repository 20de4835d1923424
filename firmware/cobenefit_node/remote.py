"""Commands while the node runs: hears them, has them carried out, confirms or gives up a trial.

What a command needs (`commands.py`, `trials.py`, `renewal.py`, `selftest.py`) is imported when one
comes and forgotten afterwards: a node that nobody asks anything holds only this file.
"""

import asyncio

from cobenefit_node.forget import forget
from cobenefit_node.ticks import ticks_diff, ticks_ms
from cobenefit_wire import messages
from cobenefit_wire.hints import Any

_SAID_AT_BOOT = ("rolled back", "damaged")


class Remote:
    """Between the link, which brings commands, and the trials, which keep the state."""

    def __init__(self, node: Any, clock: Any, topic: str, tls: bool) -> None:
        self.node = node
        self.clock = clock
        self.topic = topic
        self.tls = tls
        trials = _trials()
        self.trial: list[Any] = trials.trial
        self.reports: list[messages.Result] = [
            trials.result(s) for s, row in trials.rows.items() if row[3] in _SAID_AT_BOOT
        ]
        forget("trials")
        self.restart = False
        self.client: Any = None
        self._started = ticks_ms()
        self._task: Any = None

    def busy(self) -> bool:
        """Whether a command is being carried out."""
        return self._task is not None

    def on_trial(self) -> bool:
        """Whether what runs still has to reach the gateway to be kept."""
        return bool(self.trial) and not self.restart

    async def opened(self, client: Any) -> None:
        """Ask for the command, which is retained; twice, as `Updates.opened` says."""
        self.client = client
        for _ in range(2):
            await client.unsubscribe(self.topic)
            await client.subscribe(self.topic)

    def closed(self) -> None:
        """End what was under way with the connection; the next one brings the command again."""
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def received(self, topic: str, payload: bytes) -> None:
        """Take a command."""
        if topic == self.topic and payload and self._task is None and not self.restart:
            self._task = asyncio.create_task(self._carry_out(payload))

    def acked(self) -> None:
        """Confirm what is on trial: the gateway has stored something of this very boot."""
        if self.on_trial():
            self.trial = []
            self.say(_trials().confirm())
            forget("trials")

    def check(self) -> None:
        """Give up a trial that was not confirmed in its time."""
        if not self.on_trial():
            return
        confirm_s = self.trial[5]
        if ticks_diff(ticks_ms(), self._started) >= confirm_s * 1000:
            self.say(_trials().roll_back("no ack within %d s" % confirm_s))
            self.restart = True

    def say(self, result: messages.Result) -> None:
        """Report below `cmd/result`, and to the console."""
        self.node.log("%s %d: %s %s" % result)
        self.reports = [r for r in self.reports if r.subject != result.subject] + [result]

    async def _carry_out(self, payload: bytes) -> None:
        forget()  # collects: the modules need room in one piece
        from cobenefit_node import commands

        try:
            await commands.run(self, payload)
        except (OSError, ValueError, MemoryError) as err:  # the link is not to suffer
            self.node.ledger.errors += 1
            self.say(messages.Result("command", 0, "failed", repr(err)))
        forget(
            "cobenefit_wire.command", "commands", "reconfigure", "trials", "renewal", "selftest"
        )
        forget("settings", "config", "rsa")
        self._task = None


def _trials() -> Any:
    from cobenefit_node.trials import Trials

    return Trials()
