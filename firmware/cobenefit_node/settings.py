"""At boot: the configuration in force, with the certificate in force, checked.

A trial that can't be read, or crashes, is rolled back at once. A configuration in force that is
damaged, or that this software does not understand, gives way to `config.json`: a node never
starts without one. Called by `main.py`, then forgotten.
"""

import json

from cobenefit_node import config
from cobenefit_node.trials import FILES, Trials, checksum
from cobenefit_wire.hints import Any

FACTORY = "config.json"


def load() -> config.Config:
    """Return the configuration to run; ConfigError or OSError when even `config.json` is bad."""
    trials = Trials()
    trials.count_boot()
    for subject in FILES:
        _check(trials, subject)
    path = _path(trials)
    while True:
        try:
            return config.parse(raw(trials), path)
        except config.ConfigError as err:
            if path == FACTORY:
                raise
            _give_up(trials, "config", str(err))
            path = _path(trials)


def raw(trials: Trials, renewed: bool = True) -> Any:
    """Return the JSON object in force, with the files of a renewed certificate or without."""
    path = _path(trials)
    try:
        with open(path) as f:
            found = json.load(f)
        tls = found.get("broker", {}).get("tls")
    except (ValueError, AttributeError) as err:
        raise config.ConfigError(path, "(file)", str(err), "a JSON object")  # noqa: B904
    slot, _ = trials.slot("certificate")
    if renewed and slot and isinstance(tls, dict):
        tls["cert"], tls["key"] = "cert." + slot, "key." + slot
        if _size("ca." + slot):
            tls["ca"] = "ca." + slot
    return found


def _path(trials: Trials) -> str:
    slot, _ = trials.slot("config")
    return "config." + slot if slot else FACTORY


def _check(trials: Trials, subject: str) -> None:
    slot, crc = trials.slot(subject)
    try:
        if slot and checksum(subject, slot) != crc:
            _give_up(trials, subject, "the flash has changed its bytes")
    except OSError as err:
        _give_up(trials, subject, repr(err))


def _give_up(trials: Trials, subject: str, reason: str) -> None:
    if trials.trial and trials.trial[0] == subject:
        trials.roll_back(reason)
    else:
        trials.drop(subject, reason)


def _size(path: str) -> int:
    with open(path, "rb") as f:
        return len(f.read(1))
