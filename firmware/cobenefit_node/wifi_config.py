"""The key `wifi` of a node's or a bridge's configuration; loaded only where there is one."""

from collections import namedtuple

from cobenefit_wire.hints import Any

Wifi = namedtuple("Wifi", ("ssid", "password", "country", "address", "give_up_ms", "restart_ms"))

_DAY_MS = 86_400_000


def read_wifi(top: Any) -> Wifi:
    """Return the access point of a configuration; ConfigError when a value is wrong."""
    table = top.table("wifi")
    wifi = Wifi(
        table.check("ssid", _is_ssid, "1 to 32 bytes"),
        table.check("password", _is_password, "8 to 63 bytes, 64 hexadecimal digits, or none", ""),
        table.check("country", _is_country, "two capital letters", ""),
        _address(table),
        table.integer("give_up_ms", 1000, _DAY_MS, 600_000),
        table.integer("restart_ms", 0, _DAY_MS, 21_600_000),
    )
    table.done()
    return wifi


def _is_ssid(text: str) -> bool:
    return 1 <= len(text.encode()) <= 32


def _is_password(text: str) -> bool:
    """Whether WPA takes it: a passphrase, or the key itself in hexadecimal."""
    if len(text) == 64:
        return all(c in "0123456789abcdefABCDEF" for c in text)
    return not text or 8 <= len(text.encode()) <= 63


def _is_country(text: str) -> bool:
    return not text or (len(text) == 2 and all("A" <= c <= "Z" for c in text))


def _address(table: Any) -> Any:
    """Return own address, mask, gateway and name server, None for those of DHCP."""
    given = table.take("address")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 4 or not all(_is_ipv4(x) for x in given):
        raise table.error("address", given, "four IPv4 addresses: own, mask, gateway, name server")
    return tuple(given)


def _is_ipv4(text: object) -> bool:
    if not isinstance(text, str):
        return False
    parts = text.split(".")
    return len(parts) == 4 and all(p.isdigit() and len(p) <= 3 and int(p) < 256 for p in parts)
