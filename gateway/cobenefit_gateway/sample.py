"""The sample configuration, filled in for one machine."""

import re
from pathlib import Path
from zoneinfo import available_timezones

_SAMPLE = Path(__file__).with_name("sample.toml")
_PORT = 9180


def for_this_machine(host: str, local: Path = Path("/etc/localtime")) -> str:
    """Return the sample with this machine's time zone, name and status page.

    Parameters
    ----------
    host : str
        The machine's name; goes into the broker's client id.
    local : Path
        A link to the system's time zone.

    Returns
    -------
    str
        TOML with every key, its unit and its default.
    """
    text = _SAMPLE.read_text(encoding="utf-8")
    name = re.sub(r"[^a-z0-9-]", "-", host.lower())[:32]
    text = text.replace('client_id = "cobenefit-gateway"', f'client_id = "cobenefit-{name}"')
    text = text.replace('timezone = "UTC" ', f'timezone = "{_zone(local)}" ')
    return text.replace("port = 0 ", f"port = {_PORT} ")


def _zone(local: Path) -> str:
    name = str(local.resolve()).rpartition("/zoneinfo/")[2]
    return name if name in available_timezones() else "UTC"
