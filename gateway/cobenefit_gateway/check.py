"""Is everything there that the gateway needs: files, disk, clock, broker, backend, relay.

Each finding is one line that says what is wrong and what to do. Nothing is changed anywhere: the
broker gets a connection under another client id, the backend one request that stores nothing.
"""

import shutil
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any, NamedTuple

import httpx
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cobenefit_gateway.certificates import expiries
from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import ConfigError
from cobenefit_gateway.tls import tls_context

GOOD, WARNING, BAD = "good", "warning", "bad"
_WAIT_S = 10.0
_DAY_MS = 86_400_000
_LEAST_FREE, _LEAST_YEAR = 500 << 20, 2026
_SKEW_S = 60.0


class Finding(NamedTuple):
    """One line of the check."""

    what: str
    verdict: str
    text: str


def findings(config: Config, secrets: dict[str, str], *, offline: bool) -> Iterator[Finding]:
    """Yield what was found, in the order an installer would look.

    Parameters
    ----------
    config : Config
        Checked already.
    secrets : dict
        Values of the environment's variables by name.
    offline : bool
        Look at this machine only.

    Yields
    ------
    Finding
        One per thing looked at.
    """
    yield _disk(config)
    yield _clock(time.gmtime().tm_year)
    yield from _certificates(config)
    if offline:
        return
    yield _broker(config, secrets.get("COBENEFIT_BROKER_PASSWORD", ""))
    if config.backend.url:
        yield _backend(config, secrets.get("COBENEFIT_GATEWAY_KEY", ""))
    if config.mail.host:
        yield _relay(config, secrets.get("COBENEFIT_MAIL_PASSWORD", ""))


def _disk(config: Config) -> Finding:
    folder = config.data_dir
    while not folder.exists():
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
        probe = folder / f".cobenefit-{time.time_ns()}"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as err:
        text = f"{folder}: {err.strerror}; the gateway's user must be able to write there"
        return Finding("disk", BAD, text)
    if free < _LEAST_FREE:
        text = f"{folder}: {free >> 20} MB free; make room for {_LEAST_FREE >> 20} MB at least"
        return Finding("disk", BAD, text)
    return Finding("disk", GOOD, f"{folder}: {free >> 20} MB free")


def _clock(year: int) -> Finding:
    if year < _LEAST_YEAR:
        text = f"it is {year} here: set the clock (timedatectl set-ntp true), then check again"
        return Finding("clock", BAD, text)
    return Finding("clock", GOOD, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def _certificates(config: Config) -> Iterator[Finding]:
    try:
        tls_context(config)
    except ConfigError as err:
        yield Finding("certificate", BAD, str(err))
        return
    own = [path for path in (config.broker.tls_ca, config.broker.tls_cert) if path]
    now_ms = time.time_ns() // 1_000_000
    for file, ends_ms in expiries([*own, *config.alarms.certificates], config.file.parent).items():
        if ends_ms is None:
            yield Finding("certificate", BAD, f"{file}: no certificate can be read in it")
            continue
        days = (ends_ms - now_ms) // _DAY_MS
        verdict = GOOD if days >= 30 else WARNING if days >= 0 else BAD
        text = f"{file}: ends in {days} days"
        yield Finding("certificate", verdict, text + ("" if verdict == GOOD else "; renew it"))


def _broker(config: Config, password: str) -> Finding:
    address = f"{config.broker.host}:{config.broker.port}"
    try:
        said = _connack(config, password)
    except (OSError, ValueError) as err:
        return Finding("broker", BAD, f"{address}: {err}; {_broker_advice(err)}")
    if said is None:
        return Finding("broker", BAD, f"{address} is open but does not speak MQTT")
    if said.is_failure:
        text = f"{address} refuses us: {said}; see broker.username and COBENEFIT_BROKER_PASSWORD"
        return Finding("broker", BAD, text)
    text = f"{address} takes us, {'TLS verified' if config.broker.tls_ca else 'without TLS'}"
    if config.broker.tls_ca or config.broker.host in ("127.0.0.1", "localhost", "::1"):
        return Finding("broker", GOOD, text)
    text += "; passwords and readings cross the network in the clear: set broker.tls_ca"
    return Finding("broker", WARNING, text)


def _connack(config: Config, password: str) -> ReasonCode | None:
    broker = config.broker
    answered = Event()
    said: list[ReasonCode] = []

    def on_connect(
        _client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        said.append(reason)
        answered.set()

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=f"{broker.client_id}-check", clean_session=True
    )
    client.on_connect = on_connect
    if broker.username:
        client.username_pw_set(broker.username, password or None)
    address = broker.host, broker.port
    if (context := tls_context(config)) is not None:
        # By ourselves first: paho leaves its socket open when the broker is not trusted.
        with (
            socket.create_connection(address, _WAIT_S) as raw,
            context.wrap_socket(raw, server_hostname=broker.host),
        ):
            client.tls_set_context(context)
    client.connect_timeout = _WAIT_S
    client.connect(broker.host, broker.port, broker.keepalive_s)
    client.loop_start()
    answered.wait(_WAIT_S)
    client.disconnect()
    client.loop_stop()
    return said[0] if said else None


def _broker_advice(err: Exception) -> str:
    if isinstance(err, ssl.SSLCertVerificationError):
        return "broker.host must be a name in its certificate, and broker.tls_ca its authority"
    if isinstance(err, ssl.SSLError):
        return "is broker.port its TLS port, and does it take broker.tls_cert?"
    return "is it running, and are broker.host and broker.port right?"


def _backend(config: Config, key: str) -> Finding:
    # An empty list of health rows is stored nowhere, and shows that the key is good.
    url = config.backend.url
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"tenant": config.tenant, "rows": []}
    try:
        answer = httpx.post(f"{url}/v1/health", json=body, headers=headers, timeout=_WAIT_S)
    except httpx.HTTPError as err:
        advice = "is it running, and is backend.url right?"
        if "CERTIFICATE_VERIFY_FAILED" in str(err):
            advice = "its certificate is not trusted here: name its authority in SSL_CERT_FILE"
        return Finding("backend", BAD, f"{url}: {type(err).__name__}: {err}; {advice}")
    status = answer.status_code
    if status in (401, 403):
        text = f"{url} refuses the key ({status}); set COBENEFIT_GATEWAY_KEY to one it printed"
        return Finding("backend", BAD, text)
    if status != 202:
        return Finding("backend", BAD, f"{url} answered {status}; is backend.url right?")
    return _skew(url, answer)


def _skew(url: str, answer: httpx.Response) -> Finding:
    try:
        theirs_s = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return Finding("backend", GOOD, f"{url} takes our key")
    skew_s = time.time() - theirs_s
    if abs(skew_s) > _SKEW_S:
        text = f"{url} takes our key, but the clocks differ by {skew_s:.0f} s: set both by NTP"
        return Finding("backend", WARNING, text)
    return Finding("backend", GOOD, f"{url} takes our key, clocks agree")


def _relay(config: Config, password: str) -> Finding:
    from cobenefit_gateway.notify import relay

    mail = config.mail
    address = f"{mail.host}:{mail.port}"
    try:
        with relay(config, password) as connection:
            connection.noop()
    except (OSError, smtplib.SMTPException) as err:
        text = f"{address}: {type(err).__name__}; see [mail] and COBENEFIT_MAIL_PASSWORD"
        return Finding("mail", BAD, text)
    return Finding("mail", GOOD, f"{address} takes us")
