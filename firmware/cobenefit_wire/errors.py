"""What can go wrong on the wire.

* ValueError
  + WireError    the peer's bytes are not what the contract says

`WireError` carries its facts: `reason` (a short stable code, the same word the quarantine
shows) and `offset` (the byte where reading stopped, -1 when unknown).
"""


class WireError(ValueError):
    """The peer sent bytes that break the contract; `reason` says how."""

    def __init__(self, reason: str, text: str = "", offset: int = -1) -> None:
        super().__init__(reason + (": " + text if text else ""))
        self.reason = reason
        self.text = text
        self.offset = offset
