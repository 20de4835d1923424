"""Alarms to a real SMTP server and a real HTTP server on loopback."""

import email
import email.policy
import ssl
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from cobenefit_gateway import notify
from cobenefit_gateway.alarms import Alarms
from cobenefit_gateway.config import load
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.notify import Notifier, compose, ways, worth_telling
from cobenefit_hil.services import free_port

CAUSES = {
    ("node_silent", "lille", "meter-7"): {"hours": 30},
    ("disk_low", "", ""): {"free_mb": 12},
}


class Inbox:
    def __init__(self):
        self.mails, self.fail, self.tries = [], 0, 0

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        self.tries += 1
        if self.tries <= self.fail:
            return "451 try again later"
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@pytest.fixture
def relay():
    inbox = Inbox()
    seen = []

    def authenticate(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        right = data.password == b"s3cret"
        return AuthResult(success=right, handled=right)

    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), authenticator=authenticate,
        auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    inbox.port, inbox.logins = controller.port, seen
    yield inbox
    controller.stop()


def config(folder, text, every_s=1):
    file = folder / "g.toml"
    file.write_text(f'tenant = "t"\ndata_dir = "."\n[alarms]\nevery_s = {every_s}\n{text}')
    return load(file)


def mail(port, more='tls = "none"\nusername = "gw"\n'):
    return (
        f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsender = "gw@example.org"\n'
        f'to = ["ops@example.org", "b@example.org"]\n{more}'
    )


def queued(loaded, causes, *names, language="en"):
    ledger = Ledger(loaded.data_dir)
    book = Alarms(ledger, 0)
    events = book.update(causes, 0)
    for name in names:
        book.queue(name, events)
    return ledger, book


def deliver(loaded, enough, password="s3cret", key="k3y"):
    stop = threading.Event()
    notifier = Notifier(loaded, ways(loaded, password, key))
    thread = threading.Thread(target=notifier.run, args=(stop,))
    thread.start()
    until = time.monotonic() + 90
    while not enough(notifier) and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join()
    assert enough(notifier)
    return notifier


def test_one_mail_holds_everything_and_the_password_is_used(tmp_path, relay):
    loaded = config(tmp_path, mail(relay.port))
    ledger, book = queued(loaded, CAUSES, "mail")
    deliver(loaded, lambda _: relay.mails and not book.waiting("mail"))
    (message,) = relay.mails
    assert message["To"] == "ops@example.org, b@example.org"
    assert message["Subject"] == "alarm raised: t lille/meter-7 (+1)"
    body = message.get_content()
    assert "lille/meter-7: silent for 30 h" in body
    assert "[critical] raised gateway: 12 MB free" in body
    assert relay.logins == [(b"gw", b"s3cret")]
    ledger.close()


def test_a_relay_that_fails_is_tried_again_and_nothing_is_lost(tmp_path, relay, caplog):
    relay.fail = 1
    loaded = config(tmp_path, mail(relay.port))
    ledger, book = queued(loaded, CAUSES, "mail")
    deliver(loaded, lambda _: relay.mails and not book.waiting("mail"))
    assert relay.tries == 2
    assert "SMTPDataError" in caplog.text
    ledger.close()


def test_a_wrong_password_is_said_without_the_password(tmp_path, relay, caplog):
    loaded = config(tmp_path, mail(relay.port))
    ledger, book = queued(loaded, CAUSES, "mail")
    notifier = deliver(loaded, lambda n: n.errors, password="wr0ng-pass")
    assert "SMTPAuthenticationError" in notifier.errors["mail"]
    assert "wr0ng-pass" not in caplog.text + str(notifier.errors)
    assert len(book.waiting("mail")) == 2
    ledger.close()


def test_a_relay_without_encryption_gets_nothing_when_encryption_is_asked(tmp_path, relay):
    loaded = config(tmp_path, mail(relay.port, 'tls = "starttls"\n'))
    ledger, _ = queued(loaded, CAUSES, "mail")
    notifier = deliver(loaded, lambda n: n.errors)
    assert "SMTPNotSupportedError" in notifier.errors["mail"]
    assert relay.mails == relay.logins == []
    ledger.close()


def test_a_relay_whose_certificate_is_not_trusted_gets_nothing(tmp_path):
    from cobenefit_hil.authority import tls_broker

    tls_broker(tmp_path, "none")  # only for its certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    inbox = Inbox()
    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True
    )
    controller.start()
    try:
        loaded = config(tmp_path, mail(controller.port, 'tls = "starttls"\n'))
        ledger, _ = queued(loaded, CAUSES, "mail")
        notifier = deliver(loaded, lambda n: n.errors)
        assert "CERTIFICATE_VERIFY_FAILED" in notifier.errors["mail"]
        assert inbox.mails == []
        ledger.close()
    finally:
        controller.stop()


def test_a_webhook_gets_json_with_its_key_and_is_tried_again(tmp_path, hook, caplog):
    hook.fail = 1
    loaded = config(tmp_path, f'language = "fr"\n[webhook]\nurl = "{hook.url}"\n')
    ledger, book = queued(loaded, CAUSES, "webhook")
    deliver(loaded, lambda _: hook.got and not book.waiting("webhook"))
    ((authorization, body),) = hook.got
    assert authorization == "Bearer k3y"
    assert [(a["code"], a["event"], a["severity"]) for a in body["alarms"]] == [
        ("node_silent", "raised", "warning"), ("disk_low", "raised", "critical"),
    ]  # fmt: skip
    assert body["alarms"][0]["text"] == "muet depuis 30 h"
    assert "503" in caplog.text
    assert "token-in-path" not in caplog.text
    ledger.close()


def test_at_most_one_message_in_every_s(tmp_path, hook):
    loaded = config(tmp_path, f'[webhook]\nurl = "{hook.url}"\n', every_s=3600)
    ledger, book = queued(loaded, CAUSES, "webhook")
    stop = threading.Event()
    thread = threading.Thread(target=Notifier(loaded, ways(loaded, "", "")).run, args=(stop,))
    thread.start()
    until = time.monotonic() + 90
    while not hook.got and time.monotonic() < until:
        time.sleep(0.02)
    book.queue("webhook", book.update({**CAUSES, ("broker_down", "", ""): {"minutes": 3}}, 1))
    assert not stop.wait(1.5)  # longer than the notifier's own step: it would have sent
    stop.set()
    thread.join()
    assert len(hook.got) == 1
    assert len(book.waiting("webhook")) == 1
    ledger.close()


def test_many_alarms_are_one_short_message(tmp_path, monkeypatch):
    monkeypatch.setattr(notify, "MAX_LINES", 3)
    loaded = config(tmp_path, 'language = "fr"\n')
    ledger, book = queued(loaded, {("node_silent", "s", str(i)): {} for i in range(9)}, "mail")
    subject, body = compose(loaded, [(a, e) for _, a, e in book.waiting("mail")])
    assert subject == "alerte levée: t s/0 (+8)"
    assert "et 6 autres sur la page d'état" in body
    assert body.count("node_silent") == 3
    ledger.close()


def test_only_what_is_severe_enough_is_told(tmp_path):
    loaded = config(tmp_path, 'notify = "critical"\n')
    ledger, book = queued(loaded, CAUSES)
    assert [a.code for a in book.open() if worth_telling(loaded, a)] == ["disk_low"]
    ledger.close()
