"""Signing in and administration in a real Chromium, through a real provider, without a script."""

import socket
import threading

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from cobenefit_backend.access.oidc_config import Employer, OidcConfig
from cobenefit_backend.access.roles import Role
from cobenefit_backend.app import create_app
from cobenefit_backend.config import BackendConfig
from cobenefit_hil.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WORDS = {
    "en": {
        "button": "Sign in with ProConnect", "person": "E-mail address, or identifier",
        "invite": "Invite", "invited": "Invited. They can sign in now.",
        "remove": "Remove", "removed": "Removed; their sessions are over.",
        "program": "Program that will use it", "days": "Days it holds",
        "bad": "1 to 3650", "make": "Make", "once": "Copy it now", "out": "Sign out",
    },
    "fr": {
        "button": "Se connecter avec ProConnect", "person": "Adresse électronique, ou identifiant",
        "invite": "Inviter", "invited": "la personne peut se connecter",
        "remove": "Retirer", "removed": "ses sessions sont terminées",
        "program": "Programme qui s'en servira", "days": "Jours de validité",
        "bad": "de 1 à 3650", "make": "Créer", "once": "Copiez-le maintenant",
        "out": "Se déconnecter",
    },
}  # fmt: skip


@pytest.fixture
def provider():
    with Provider("ES256") as running:
        yield running


@pytest.fixture
def address(provider, new_database):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    oidc = OidcConfig(
        issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET,
        public_url=f"http://127.0.0.1:{port}", contact="climat@lille.example",
        tenants=(Employer("lille", provider.claims["siret"], Role.ADMIN),),
    )  # fmt: skip
    app = create_app(BackendConfig(database_url=new_database(), oidc=oidc))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield oidc.public_url
    server.should_exit = True
    thread.join()
    app.state.engine.dispose()


@pytest.fixture
def browser(address, program):
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


class Reader:
    """A telephone without script; every page it sees is checked."""

    def __init__(self, browser, address, language, scheme) -> None:
        self.address, self.language, self.said = address, language, []
        self.context = browser.new_context(
            java_script_enabled=False, viewport={"width": 320, "height": 640}, locale=language,
            color_scheme=scheme,
        )  # fmt: skip
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        # Axe is a script, so a second context looks at the same page.
        size = {"width": 320, "height": 640}
        self.checker = browser.new_context(viewport=size, color_scheme=scheme).new_page()

    def open(self, path) -> None:
        answer = self.page.goto(f"{self.address}{path}?lang={self.language}")
        assert answer.ok, path

    def check(self) -> None:
        self.checker.set_content(self.page.content())
        assert self.checker.evaluate("document.documentElement.scrollWidth") == 320, self.page.url
        result = Axe().run(self.checker)
        assert result.violations_count == 0, f"{self.page.url}: {result.generate_report()}"

    def press(self, role, name) -> None:
        """Reach something with the keyboard alone, and press it."""
        target = self.page.get_by_role(role, name=name, exact=True).first
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                with self.page.expect_navigation():
                    self.page.keyboard.press("Enter")
                return
        raise AssertionError(f"no way to {name!r} by keyboard on {self.page.url}")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fr", "dark")])
def test_an_administrator_at_work(browser, address, provider, language, scheme):
    words, reader = WORDS[language], Reader(browser, address, language, scheme)
    page = reader.page
    provider.fault = "nonce"
    reader.open("/login")
    reader.press("link", words["button"])
    assert page.locator("[role=alert]").inner_text().count("climat@lille.example") == 1
    reader.check()
    provider.fault = ""
    reader.open("/login")
    reader.press("link", words["button"])
    reader.open("/admin")
    page.get_by_label(words["person"]).fill("camille.durand@lille.example")
    reader.press("button", words["invite"])
    assert words["invited"] in page.locator("[role=status]").inner_text()
    reader.check()
    reader.press("link", f"{words['remove']} camille.durand@lille.example")
    reader.check()
    reader.press("button", words["remove"])
    assert words["removed"] in page.locator("[role=status]").inner_text()
    page.get_by_label(words["program"]).fill("toiture")
    page.get_by_label(words["days"]).fill("4000")
    page.keyboard.press("Enter")
    assert words["bad"] in page.locator("[role=alert]").inner_text()
    page.get_by_label(words["program"]).fill("toiture")
    page.get_by_role("button", name=words["make"]).first.click()
    assert words["once"] in page.locator("[role=status]").inner_text()
    reader.open("/admin/audit")
    assert "toiture" in page.locator("table").inner_text()
    reader.check()
    reader.open("/login")
    reader.press("button", words["out"])
    page.wait_for_url("**/login?state=*")
    assert len(provider.ended) == 1, "the provider was told"
    assert page.get_by_role("link", name=words["button"]).is_visible()
    assert [text for text in reader.said if "Content Security Policy" in text] == []
