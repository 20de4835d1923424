"""The gateway as a service: signals, and a changed configuration taken over while it runs.

SIGTERM and SIGINT end it. SIGHUP reads the configuration again: a good one takes over (what was
journalled stays, the broker keeps what comes meanwhile), a bad one is refused, said, and changes
nothing. Secrets come from the environment and stay those of the start.
"""

import logging
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from cobenefit_gateway import logs
from cobenefit_gateway.app import Gateway
from cobenefit_gateway.config import Config, load
from cobenefit_gateway.errors import ConfigError
from cobenefit_gateway.tls import tls_context

log = logging.getLogger(__name__)
_SECRETS = (
    "COBENEFIT_BROKER_PASSWORD",
    "COBENEFIT_GATEWAY_KEY",
    "COBENEFIT_MAIL_PASSWORD",
    "COBENEFIT_WEBHOOK_KEY",
)


@dataclass(slots=True)
class Service:
    """Runs gateways one after another on one folder, until told to end."""

    config: Config
    verbose: bool = False
    _gateway: Gateway | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    def run(self, until_idle_s: float | None = None) -> bool:
        """Work until stopped.

        Parameters
        ----------
        until_idle_s : float, optional
            Stop by itself after this long without a message. [s]

        Returns
        -------
        bool
            Whether the backend has everything.
        """
        secrets = [os.environ.get(name, "") for name in _SECRETS]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, lambda *_: self._reload())
        while True:
            config = self.config
            logs.set_up(config.log.format, verbose=self.verbose)
            self._gateway = gateway = Gateway(config, *secrets)
            if self._ended:  # a signal while nobody was there to hear it
                gateway.stop()
            elif config is not self.config:
                gateway.begin_again()
            done = gateway.run(until_idle_s)
            if self._ended or not gateway.begins_again:
                return done
            log.warning("%s: taken over", config.file)

    def _stop(self) -> None:
        self._ended = True
        if self._gateway is not None:
            self._gateway.stop()

    def _reload(self) -> None:
        gateway = self._gateway
        if gateway is None:
            return
        try:
            changed = changed_config(self.config)
        except ConfigError as err:
            gateway.vitals.config_error = str(err)
            log.error("the changed configuration is refused, the old one stays: %s", err)  # noqa: TRY400
            return
        self.config = changed
        gateway.begin_again()


def changed_config(old: Config) -> Config:
    """Return the configuration in the same file, as it is now.

    Parameters
    ----------
    old : Config
        The one in use.

    Returns
    -------
    Config
        Checked in full.

    Raises
    ------
    ConfigError
        If it is wrong, or asks for what needs a restart.
    """
    new = load(Path(old.file))
    for key in ("tenant", "data_dir"):
        if getattr(new, key) != getattr(old, key):
            allowed = f"{getattr(old, key)} until a restart"
            raise ConfigError(str(old.file), key, str(getattr(new, key)), allowed)
    tls_context(new)
    return new
