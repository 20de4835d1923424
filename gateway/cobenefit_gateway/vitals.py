"""What only the running process knows: since when the broker has us, what the backend said."""

import os
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cobenefit_gateway.forward import Forwarder
from cobenefit_gateway.mqtt import Broker


class Vitals:
    """Called by the watch at each look; times are precise to one look.

    Parameters
    ----------
    broker : Broker
        Asked whether it is connected.
    forwarder : Forwarder
        Asked what the backend said.
    """

    def __init__(self, broker: Broker, forwarder: Forwarder) -> None:
        self._broker = broker
        self._forwarder = forwarder
        self._started_ms = self._since_ms = _now_ms()
        self._connected = False
        #: Why a changed configuration was refused, '' when it was not.
        self.config_error = ""

    def __call__(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        connected = self._broker.connected
        if connected != self._connected:
            self._connected, self._since_ms = connected, _now_ms()
        live = {
            "version": _version(),
            "pid": os.getpid(),
            "started_ms": self._started_ms,
            "connected_ms" if connected else "broker_down_ms": self._since_ms,
            **self._forwarder.live,
        }
        return live | ({"config_error": self.config_error} if self.config_error else {})


def _version() -> str:
    try:
        return version("cobenefit")
    except PackageNotFoundError:
        return "source"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
