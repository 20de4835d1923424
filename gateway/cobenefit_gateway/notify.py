"""Alarms to people: one mail or one POST for all that happened since the last, in its own thread.

What could not be delivered stays in the queue (bounded, in `operate.db`) and is tried again,
later each time. Passwords come from the environment and appear in no message and no log.
"""

import logging
import smtplib
import sqlite3
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from threading import Event
from typing import NamedTuple

import httpx

from cobenefit_gateway.alarm_codes import text
from cobenefit_gateway.alarms import RAISED, Alarm, Alarms
from cobenefit_gateway.config import Config
from cobenefit_gateway.config_operate import SEVERITIES
from cobenefit_gateway.ledger import Ledger

log = logging.getLogger(__name__)
MAIL, WEBHOOK = "mail", "webhook"
_TIMEOUT_S = 20.0
_LONGEST_WAIT_S = 3600.0
#: Lines in one message; the rest is a number and stays on the status page. [1]
MAX_LINES = 50

Notice = tuple[Alarm, str]
_WORDS = {
    "en": ("alarm", "raised", "cleared", "and {} more on the status page", "What to do"),
    "fr": ("alerte", "levée", "terminée", "et {} autres sur la page d'état", "Que faire"),
}


class Way(NamedTuple):
    """One way of delivery: its name and what sends notices, raising OSError when it can't."""

    name: str
    send: Callable[[list[Notice]], None]


def worth_telling(config: Config, alarm: Alarm) -> bool:
    """Whether an alarm is severe enough to be told."""
    return SEVERITIES.index(alarm.severity) >= SEVERITIES.index(config.alarms.notify)


def ways(config: Config, mail_password: str, webhook_key: str) -> list[Way]:
    """Return the ways that are configured.

    Parameters
    ----------
    config : Config
        Relay and URL.
    mail_password : str
        '' for none.
    webhook_key : str
        '' for none.

    Returns
    -------
    list of Way
        Empty when nobody is to be told.
    """
    found = []
    if config.mail.host:
        found.append(Way(MAIL, lambda notices: _mail(config, mail_password, notices)))
    if config.webhook.url:
        found.append(Way(WEBHOOK, lambda notices: _post(config, webhook_key, notices)))
    return found


class Notifier:
    """Delivers what is queued, one message per way and `every_s`.

    Parameters
    ----------
    config : Config
        How often, and where the queue is.
    ways : list of Way
        From `ways`.
    """

    def __init__(self, config: Config, ways: list[Way]) -> None:
        self._config = config
        self._ways = ways
        #: What went wrong last, by way; read by the watch.
        self.errors: dict[str, str] = {}

    def run(self, stop: Event) -> None:
        """Deliver until told to stop."""
        ledger = Ledger(self._config.data_dir)
        alarms = Alarms(ledger, self._config.alarms.clear_s)
        due_s = dict.fromkeys((way.name for way in self._ways), 0.0)
        wait_s = dict(due_s)
        clock_s, step_s = 0.0, min(1.0, self._config.alarms.every_s / 2)
        while not stop.wait(step_s):
            clock_s += step_s
            for way in self._ways:
                if clock_s >= due_s[way.name]:
                    wait_s[way.name] = self._once(way, alarms, wait_s[way.name])
                    due_s[way.name] = clock_s + wait_s[way.name]
        ledger.close()

    def _once(self, way: Way, alarms: Alarms, waited_s: float) -> float:
        # Deliver what waits; return how long to leave this way alone.
        every_s = float(self._config.alarms.every_s)
        try:
            waiting = alarms.waiting(way.name)
            if not waiting:
                return 0.0
            way.send([(alarm, event) for _, alarm, event in waiting])
            alarms.delivered(way.name, waiting[-1][0])
        except (OSError, sqlite3.Error) as err:
            self.errors[way.name] = str(err)[:200]
            log.warning("%s: alarms wait in the queue: %s", way.name, err)
            return min(max(waited_s * 2, every_s), _LONGEST_WAIT_S)
        self.errors.pop(way.name, None)
        return every_s


def compose(config: Config, notices: list[Notice]) -> tuple[str, str]:
    """Return subject and body of a message about alarms."""
    language = config.alarms.language
    alarm_word, raised, cleared, more, what = _WORDS[language]
    lines = [
        f"[{alarm.severity}] {raised if event == RAISED else cleared} {alarm.place}: "
        f"{text(alarm.code, alarm.facts, language)} (#{alarm.id} {alarm.code})"
        for alarm, event in notices[:MAX_LINES]
    ]
    if len(notices) > MAX_LINES:
        lines.append(more.format(len(notices) - MAX_LINES))
    first, event = notices[0]
    place = f"{config.tenant} {first.place}"
    subject = f"{alarm_word} {raised if event == RAISED else cleared}: {place}"
    if len(notices) > 1:
        subject += f" (+{len(notices) - 1})"
    lines += ["", f"{what}: docs/howto/runbook.md · cobenefit gateway alarms"]
    return subject, "\n".join(lines) + "\n"


def relay(config: Config, password: str) -> smtplib.SMTP:
    """Return a connection to the mail relay, encrypted and logged in as configured.

    Parameters
    ----------
    config : Config
        Its `mail` part.
    password : str
        '' for none.

    Returns
    -------
    SMTP
        To be used as a context.

    Raises
    ------
    OSError
        If the relay can't be reached, trusted or persuaded (`SMTPException` is one).
    """
    mail = config.mail
    context = ssl.create_default_context()
    if mail.tls == "tls":
        made: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        made = smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_S)
    try:
        if mail.tls == "starttls":
            made.starttls(context=context)
        if mail.username:
            made.login(mail.username, password)
    except BaseException:
        made.close()
        raise
    return made


def _mail(config: Config, password: str, notices: list[Notice]) -> None:
    mail = config.mail
    message = EmailMessage()
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Subject"], body = compose(config, notices)
    message.set_content(body)
    try:
        with relay(config, password) as connection:
            connection.send_message(message)
    except smtplib.SMTPException as err:  # its text may hold what the relay echoed
        raise OSError(f"{mail.host}:{mail.port}: {type(err).__name__}") from err


def _post(config: Config, key: str, notices: list[Notice]) -> None:
    url = config.webhook.url
    language = config.alarms.language
    body = {
        "tenant": config.tenant,
        "alarms": [
            {
                "id": alarm.id,
                "event": event,
                "code": alarm.code,
                "severity": alarm.severity,
                "site": alarm.site,
                "device": alarm.device,
                "raised_ms": alarm.raised_ms,
                "facts": alarm.facts,
                "text": text(alarm.code, alarm.facts, language),
            }
            for alarm, event in notices[:MAX_LINES]
        ],
        "more": max(len(notices) - MAX_LINES, 0),
    }
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.post(url, json=body, headers=headers, timeout=_TIMEOUT_S)
    except httpx.HTTPError as err:
        raise OSError(f"{_without_query(url)}: {type(err).__name__}") from err
    if not answer.is_success:
        raise OSError(f"{_without_query(url)} answered {answer.status_code}")


def _without_query(url: str) -> str:
    # The secret of many webhooks stands in their path or query: name the host alone.
    return str(httpx.URL(url).copy_with(path="/", query=None, userinfo=b""))
