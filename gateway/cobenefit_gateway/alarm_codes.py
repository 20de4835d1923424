"""Every alarm the gateway can raise: how bad it is and what it says, in English and French.

What to do about each stands in docs/howto/runbook.md under the same code; a test compares them.
Texts are `str.format` patterns over the facts that `conditions.py` gives.
"""

from typing import NamedTuple

INFO, WARNING, CRITICAL = "info", "warning", "critical"


class Code(NamedTuple):
    """One kind of alarm."""

    severity: str
    en: str
    fr: str


CODES: dict[str, Code] = {
    "node_late": Code(
        INFO,
        "nothing heard for {hours} h, later than usual",
        "rien reçu depuis {hours} h, plus tard que d'habitude",
    ),
    "node_silent": Code(WARNING, "silent for {hours} h", "muet depuis {hours} h"),
    "site_silent": Code(
        CRITICAL, "all {devices} nodes of the site are silent", "les {devices} capteurs se taisent"
    ),
    "battery_low": Code(WARNING, "battery at {battery_mv} mV", "batterie à {battery_mv} mV"),
    "clock_off": Code(
        WARNING,
        "the node's clock is off by {skew_s} s",
        "l'horloge du capteur s'écarte de {skew_s} s",
    ),
    "time_unknown": Code(
        INFO, "the node does not know the time", "le capteur ne connaît pas l'heure"
    ),
    "node_floods": Code(
        WARNING,
        "{rate} messages a second, for minutes",
        "{rate} messages par seconde, depuis des minutes",
    ),
    "readings_lost": Code(
        WARNING,
        "{lost} readings lost so far: its memory was full",
        "{lost} relevés perdus à ce jour : sa mémoire était pleine",
    ),
    "quarantine_grows": Code(
        WARNING,
        "{packs} packs and {readings} readings refused so far",
        "{packs} paquets et {readings} relevés refusés à ce jour",
    ),
    "certificate_expires": Code(
        WARNING, "{file} expires in {days} days", "{file} expire dans {days} jours"
    ),
    "certificate_expired": Code(
        CRITICAL, "{file} is no longer valid or about to be", "{file} n'est plus valide ou presque"
    ),
    "broker_down": Code(
        CRITICAL,
        "no connection to the broker for {minutes} min",
        "pas de connexion au courtier MQTT depuis {minutes} min",
    ),
    "backend_down": Code(
        WARNING,
        "the backend takes nothing for {minutes} min: {error}",
        "le serveur ne prend rien depuis {minutes} min : {error}",
    ),
    "backend_refuses_key": Code(
        CRITICAL,
        "the backend refuses this gateway's key: {error}",
        "le serveur refuse la clé de cette passerelle : {error}",
    ),
    "page_refused": Code(
        CRITICAL,
        "the backend refused {pages} pages for good: {error}",
        "le serveur a refusé {pages} pages définitivement : {error}",
    ),
    "spool_full": Code(
        WARNING,
        "the spool is full ({pages} pages); {windows} windows wait behind it",
        "la file d'envoi est pleine ({pages} pages) ; {windows} fenêtres attendent derrière",
    ),
    "windows_dropped": Code(
        CRITICAL,
        "{windows} windows dropped unsent: older than reopen_days",
        "{windows} fenêtres abandonnées sans envoi : plus vieilles que reopen_days",
    ),
    "disk_low": Code(
        CRITICAL,
        "{free_mb} MB free where the data are",
        "{free_mb} Mo libres là où sont les données",
    ),
    "gateway_clock_off": Code(
        CRITICAL,
        "the gateway's clock differs from the backend's by {skew_s} s",
        "l'horloge de la passerelle s'écarte de {skew_s} s de celle du serveur",
    ),
    "config_refused": Code(
        WARNING,
        "the changed configuration was refused, the old one stays: {error}",
        "la nouvelle configuration est refusée, l'ancienne reste : {error}",
    ),
    "alarms_not_delivered": Code(
        WARNING,
        "alarms can't be delivered by {channel}: {error}",
        "les alertes ne partent pas par {channel} : {error}",
    ),
}


def text(code: str, facts: dict[str, object], language: str) -> str:
    """Return what an alarm says.

    Parameters
    ----------
    code : str
        A key of `CODES`; an unknown one, of another version, is said as it is.
    facts : dict
        What happened.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        One line.
    """
    known = CODES.get(code)
    if known is None:
        return code
    return (known.fr if language == "fr" else known.en).format_map(_Facts(facts))


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"
