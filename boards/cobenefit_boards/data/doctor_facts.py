# MicroPython, sent to a node by `doctor.py`; it changes nothing on it.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, BLE001, INP001, PTH123
"""What a node is, as lines of JSON behind a mark: [name, value], or [name, {"error": …}]."""

import binascii
import json
import sys


def say(name, make):
    """Print one fact; what can't be told is said, and the rest goes on."""
    try:
        value = make()
    except Exception as err:
        value = {"error": type(err).__name__ + ": " + str(err)}
    print("\x1e" + json.dumps([name, value]))


def board():
    """Return the board, its chip's number and MicroPython's version."""
    import machine

    made = sys.implementation
    number = binascii.hexlify(machine.unique_id()).decode()
    return [getattr(made, "_machine", sys.platform), number, ".".join(map(str, made.version[:3]))]


def cause():
    """Return why it started last."""
    from cobenefit_node.board import Board

    return Board().reset_cause()


def software():
    """Return the version, and what the slots say."""
    from cobenefit_node import VERSION
    from cobenefit_node.slots import Slots

    state = Slots().state
    return [VERSION, state.active, state.trial, state.crashes]


def config():
    """Check the configuration in force and return what is no secret."""
    from cobenefit_node import config as node_config
    from cobenefit_node import settings
    from cobenefit_node.trials import Trials

    found = node_config.parse(settings.raw(Trials()))
    peer = found.broker.host + ":" + str(found.broker.port) if found.broker else "a bridge"
    tls = found.broker.tls if found.broker else None
    return [
        found.site + "/" + found.device, found.board, peer, bool(tls),
        found.wifi.ssid if found.wifi else "", tls.cert if tls else "",
    ]  # fmt: skip


def certificate():
    """Return the certificate in force, which is no secret, in base64."""
    path = config()[5]
    if not path:
        return ""
    with open(path, "rb") as file:
        return binascii.b2a_base64(file.read()).decode().strip()


def clock():
    """Return whether the time is known, and the time."""
    from cobenefit_node.clock import Clock

    now = Clock()
    return [now.time_known(), now.now_ms()]


def causes():
    """Return how often it started for each cause in its whole life."""
    from cobenefit_node.twin import Twin

    kept = Twin("account").load()
    return kept[0] if kept else []


for test in (board, cause, software, config, certificate, clock, causes):
    say(test.__name__, test)
