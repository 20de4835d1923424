"""What a node on a serial port says of itself, and what to do about it.

Two scripts run on the node (`data/doctor_*.py`): its facts, then, with its whole memory, the
self-test its software brings. Nothing is asked for that is a secret. Afterwards it goes on.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from cobenefit_boards import console

_FACTS_S = 30.0
_TEST_S = 200.0
LINK_S = 30
_MARK = "\x1e"
_SOON_D = 30
#: Where packs pile up, the gateway acknowledges nothing. [1/1000]
_FULL_PERMILLE = 800
_CAUSES = ("unknown", "power on", "hard", "watchdog", "deep sleep", "soft", "brown-out")
_WORRYING = {3: "the node hung: see the counts below; if they rise, update its software",
             6: "its supply is too weak: another cable, supply or cells"}  # fmt: skip
_TESTS = {
    "flash": "replace the board before it loses something",
    "clock": "no NTP and no ack so far: is the gateway running, does the network let NTP out?",
    "link": "Wi-Fi: `cobenefit boards wifi PORT --ssid NAME`, or move the antenna",
    "broker": "cable, Wi-Fi, certificate: read the lines `link:` with `mpremote repl`",
    "heap": "fewer sensors, or a board with more memory",
}
_SENSORS = {
    "timeout": "its wiring, its UART or pin, its power",
    "checksum": "a bad contact, a long unshielded line, or the meter's mode",
    "protocol_error": "a bad contact, or the meter's mode (Linky: historical or standard)",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        Its name.
    state : {'ok', 'bad', '-'}
        `-` is what can't be told.
    value : str
        What was found.
    remedy : str
        What to do; empty when nothing is.
    """

    what: str
    state: str
    value: str
    remedy: str = ""


def examine(port: str, now: datetime | None = None) -> list[Finding]:
    """Ask a node everything and let it go on.

    Parameters
    ----------
    port : str
        Its serial port.
    now : datetime, optional
        The present time, with its zone.

    Returns
    -------
    list of Finding
        In a fixed order.

    Raises
    ------
    ConsoleError
        If it does not answer.
    """
    with console.opened(port) as board:
        facts = _facts(board.run(_script("doctor_facts.py"), _FACTS_S))
        if not _wrong(facts.get("config")) and not _wrong(facts.get("software")):
            facts |= _tested(board)
    return list(_judged(facts, now or datetime.now(UTC)))


def _tested(board: console.Console) -> dict[str, Any]:
    try:
        board.clean()
        return _facts(
            board.run(f"LINK_MS = {LINK_S * 1000}\n{_script('doctor_test.py')}", _TEST_S)
        )
    except console.ConsoleError as err:
        return {"crash": str(err)}


def _script(name: str) -> str:
    return (Path(__file__).parent / "data" / name).read_text(encoding="utf-8")


def _facts(said: str) -> dict[str, Any]:
    """Read the marked lines; what the node's parts print besides is theirs."""
    return dict(json.loads(line[1:]) for line in said.split("\n") if line.startswith(_MARK))


def _wrong(fact: Any) -> str:
    """Return why a fact could not be told, empty when it could."""
    return (
        str(fact["error"]) if isinstance(fact, dict) else "" if fact is not None else "no answer"
    )


def _judged(facts: dict[str, Any], now: datetime) -> Iterator[Finding]:
    yield _board(facts.get("board"))
    yield _software(facts.get("software"))
    yield from _config(facts.get("config"))
    yield _certificate(facts.get("certificate"), _name(facts), now)
    yield from _starts(facts.get("cause"), facts.get("causes"))
    yield _clock(facts.get("clock"), now)
    if "ring" in facts:
        yield _ring(*facts["ring"])
    if "link" in facts:
        up, how = facts["link"]
        yield Finding("connection", "ok" if up else "bad", f"{'up' if up else 'down'}, {how}",
                      "" if up else _TESTS["broker"])  # fmt: skip
    for what, state, value in facts.get("tests", []):
        yield Finding(what, state, value, _test_remedy(what, value) if state == "bad" else "")
    if "crash" in facts:
        yield Finding("self-test", "bad", facts["crash"], "flash it again; else replace the board")


def _name(facts: dict[str, Any]) -> str:
    return "SITE/DEVICE" if _wrong(facts.get("config")) else str(facts["config"][0])


def _board(fact: Any) -> Finding:
    if said := _wrong(fact):
        return Finding("board", "bad", said, "flash it: `cobenefit boards flash`")
    return Finding("board", "ok", f"{fact[0]}, chip {fact[1]}, MicroPython {fact[2]}")


def _software(fact: Any) -> Finding:
    if said := _wrong(fact):
        return Finding("software", "bad", said, "provision and flash it: it has no node software")
    version, active, trial, crashes = fact
    where = f"slot {trial}, on trial" if trial else f"slot {active}" if active else "the factory's"
    if crashes:
        return Finding("software", "bad", f"{version}, {where}, crashed {crashes} times",
                       "send it another release: docs/howto/update-nodes.md")  # fmt: skip
    return Finding("software", "ok", f"{version}, {where}")


def _config(fact: Any) -> Iterator[Finding]:
    if said := _wrong(fact):
        remedy = "correct that, copy it: `mpremote cp config.json :config.json + reset`"
        yield Finding("configuration", "bad", said.partition(": ")[2] or said, remedy)
        return
    name, board, peer, tls, ssid, _ = fact
    yield Finding("identity", "ok", f"{name}, {board}")
    link = f", Wi-Fi {ssid}" if ssid else ""
    yield Finding("configuration", "ok", f"valid, {peer}{', TLS' if tls else ''}{link}")


def _certificate(fact: Any, name: str, now: datetime) -> Finding:
    copy = f"`cobenefit node identity {name} …`, then copy cert.der, key.der and ca.der to it"
    if said := _wrong(fact):
        remedy = copy if "OSError" in said else "first the configuration"
        return Finding("certificate", "bad", said, remedy)
    if not fact:
        return Finding("certificate", "-", "none: the link has no TLS")
    try:
        end = x509.load_der_x509_certificate(base64.b64decode(fact)).not_valid_after_utc
    except ValueError:
        return Finding("certificate", "bad", "is damaged", copy)
    left_d = (end - now).days
    said = f"until {end.date().isoformat()}, {left_d} days"
    if left_d < 0:
        return Finding("certificate", "bad", f"ended {end.date().isoformat()}", copy)
    if left_d < _SOON_D:
        return Finding("certificate", "bad", said, f"renew it now: `cobenefit node renew {name}`")
    return Finding("certificate", "ok", said)


def _starts(cause: Any, causes: Any) -> Iterator[Finding]:
    if said := _wrong(cause):
        yield Finding("last reset", "-", said)
    else:
        worry = _WORRYING.get(cause, "")
        yield Finding("last reset", "bad" if worry else "ok", _CAUSES[cause], worry)
    if causes and not _wrong(causes):
        counts = [f"{_CAUSES[n]} {count}" for n, count in enumerate(causes, 1) if count]
        yield Finding("resets so far", "-", ", ".join(counts))


def _clock(fact: Any, now: datetime) -> Finding:
    if said := _wrong(fact):
        return Finding("clock before", "-", said)
    known, t_ms = fact
    if not known:
        return Finding("clock before", "-", "unknown until NTP or the gateway answers")
    off_s = t_ms / 1000 - now.timestamp()
    return Finding("clock before", "-", f"{off_s:+.0f} s from this computer's")


def _ring(waiting: int, used_permille: int, losses: int, damaged: int) -> Finding:
    said = f"{used_permille / 10:.0f} % used, {waiting} packs wait for their ack"
    remedy = ""
    if damaged:
        said += f", {damaged} damaged"
        remedy = "replace the board: its flash loses bytes"
    elif losses:
        said += f", losses in {losses} boots"
    if not remedy and used_permille >= _FULL_PERMILLE and waiting:
        remedy = "no ack comes: is the gateway running? When the ring is full the oldest packs go"
    return Finding("ring", "bad" if remedy else "ok", said, remedy)


def _test_remedy(what: str, value: str) -> str:
    return _TESTS.get(what) or _SENSORS.get(value) or "its wiring, its power, its configuration"
