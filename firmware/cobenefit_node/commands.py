"""Carries a command out: checked whole before anything changes, then tried from the next boot.

Imported when a command comes, and forgotten. What may come unsigned is what the topic's access
rules protect enough: sensors, periods, packs, health, a self-test. What decides with whom the node
speaks must be signed with the key of its updates: then a stolen broker can't take it along.
"""

import asyncio
import hashlib

from cobenefit_node.trials import Trials
from cobenefit_wire import command, messages
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

_WRONG = "wrong signature"


class Refused(Exception):  # noqa: N818
    """The command must not be carried out; the message says why."""


async def run(remote: Any, payload: bytes) -> None:
    """Carry out a command and say what became of it."""
    try:
        signed, signature, asked = command.unseal(payload)
    except WireError as err:
        remote.say(messages.Result("command", 0, "refused", str(err)))
        return
    try:
        await _obey(remote, signed, signature, asked)
    except (OSError, ValueError, MemoryError) as err:
        remote.node.ledger.errors += 1
        remote.say(messages.Result(asked.subject, asked.counter, "failed", repr(err)))


async def _obey(remote: Any, signed: bytes, signature: bytes, asked: Any) -> None:
    subject, counter = asked.subject, asked.counter
    trials = Trials()
    if trials.trial[:2] == [subject, counter] or not trials.wants(subject, counter):
        if subject != "selftest" or trials.row(subject)[0] != counter:  # the broker has its rows
            remote.say(trials.result(subject))
        return
    if trials.trial or remote.node.updates.on_trial():
        remote.say(messages.Result(subject, counter, "busy", "something else is on trial"))
        return
    try:
        _authentic(remote, signed, signature, asked)
        if subject == "selftest":
            await _selftest(remote, trials, counter)
            return
        if subject == "config":
            from cobenefit_node import reconfigure

            contents = reconfigure.checked(trials, asked, bool(signature))
        else:
            contents = _certificate(remote.tls, asked, bool(signature))
    except Refused as err:
        remote.say(_refuse(trials, asked, str(err)))
        return
    await _say_first(remote, messages.Result(subject, counter, "trial", ""))
    trials.begin(subject, counter, contents, asked.confirm_s)
    remote.restart = True


def _refuse(trials: Trials, asked: Any, reason: str) -> messages.Result:
    """Note a refusal; not that of a wrong signature, which uses no counter up."""
    if reason == _WRONG:
        return messages.Result(asked.subject, asked.counter, "refused", reason)
    return trials.note(asked.subject, asked.counter, "refused", reason)


def _authentic(remote: Any, signed: bytes, signature: bytes, asked: Any) -> None:
    """Check for whom the command is, and its signature where it has one."""
    node = remote.node
    if asked.device != node.name:
        raise Refused("this command is for " + asked.device)
    if not signature:
        return
    from cobenefit_node.rsa import verify

    try:
        key = node.updates.slots.key()
    except OSError:
        raise Refused("this node has no update.key")  # noqa: B904
    if not verify(key, hashlib.sha256(signed).digest(), signature):
        raise Refused(_WRONG)


def _certificate(tls: bool, asked: Any, signed: bool) -> tuple[bytes, ...]:
    from cobenefit_node import renewal

    if not signed:
        raise Refused("a certificate must be signed")
    if not tls:
        raise Refused("the link of this node has no TLS")
    try:
        return renewal.unwrap(asked.content)
    except (OSError, ValueError, WireError) as err:
        raise Refused(str(err))  # noqa: B904


async def _selftest(remote: Any, trials: Trials, counter: int) -> None:
    from cobenefit_node import selftest

    remote.say(messages.Result("selftest", counter, "running", ""))
    rows = await selftest.run(remote)
    outcome = "failed" if any(row[1] == "bad" for row in rows) else "passed"
    # Remembered without its rows, which the broker keeps: the state is read at each boot.
    trials.note("selftest", counter, outcome, "")
    remote.say(messages.Result("selftest", counter, outcome, selftest.text(rows)))


async def _say_first(remote: Any, result: messages.Result) -> None:
    """Say it, and give the link a moment; what follows is done in any case."""
    remote.say(result)
    for _ in range(50):
        if not remote.reports:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)
