"""What can go wrong in the gateway, by who must act.

* ValueError
  + ConfigError           the operator: a key of the configuration file is wrong
  + FramingError          the broker: what it sends is not MQTT, the connection is made anew
* OSError
  + StorageError          the operator: the journal or the database can't be trusted
    x DamagedError        nobody: the database is rebuilt from its copy and the journal
  + BackendError          nobody yet: the backend did not answer, the page is sent again later

What a peer sends wrong is a `cobenefit_wire.errors.WireError` inside the decoder and a quarantine
row with a reason everywhere else.
"""


class ConfigError(ValueError):
    """A configuration file is wrong; says file, key, value and what is allowed."""

    def __init__(self, file: str, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{file}: {key} = {value!r}: must be {allowed}")
        self.file = file
        self.key = key
        self.value = value
        self.allowed = allowed


class FramingError(ValueError):
    """Bytes from the broker that are not MQTT as we asked for it."""


class StorageError(OSError):
    """Stored bytes do not check out; says which file and what to do."""


class DamagedError(StorageError):
    """A database that does not check out; opening it again rebuilds it."""


class BackendError(OSError):
    """The backend could not be reached or could not take a page now."""

    def __init__(self, url: str, text: str, status: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(f"{url}: {text}")
        self.url = url
        self.status = status
        self.wait_s = wait_s
