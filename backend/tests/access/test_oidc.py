"""Signing in through a real provider on loopback: who is who, and every lie is refused."""

import dataclasses
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cobenefit_backend.access import audit
from cobenefit_backend.access.guard import COOKIE
from cobenefit_backend.access.oidc_config import Employer, OidcConfig
from cobenefit_backend.access.oidc_http import AT_ONCE
from cobenefit_backend.access.roles import Role
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.routes.oidc import FLOW
from cobenefit_hil.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider
from cobenefit_hil.services import free_port

LILLE = "21590350100017"
ALGORITHMS = pytest.mark.parametrize("algorithm", ["RS256", "ES256"])


@pytest.fixture
def algorithm():
    return "ES256"


@pytest.fixture
def provider(algorithm):
    with Provider(algorithm) as running:
        yield running


def settings(provider, *, role=Role.VIEWER, siret=LILLE) -> OidcConfig:
    return OidcConfig(
        issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET,
        public_url="http://test", contact="climat@lille.example", acr_values="eidas1",
        tenants=(Employer("lille", siret, role),),
    )  # fmt: skip


class Visitor:
    """A browser: cookies, and one step at a time between us and the provider."""

    def __init__(self, client) -> None:
        self.client, self.cookies = client, {}

    def ask(self, method, path, **options) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Authorization": "", "Cookie": cookies, "Accept-Language": "en"}
        answer = self.client.request(method, path, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, value, rest = re.match(r'([^=]+)="?([^;"]*)"?;?(.*)', line).groups()
            self.cookies[name] = value
            if "Max-Age=0" in rest:
                del self.cookies[name]
        return answer

    def go(self) -> str:
        """Press the button and come back from the provider; return where it sends us."""
        there = self.ask("GET", "/login/oidc?lang=en").headers["location"]
        back = httpx.get(there, trust_env=False)
        assert back.status_code == 303, back.text
        return back.headers["location"].removeprefix("http://test")

    def sign_in(self) -> httpx.Response:
        return self.ask("GET", self.go())


@pytest.fixture
def config(migrated_url, provider):
    return BackendConfig(database_url=migrated_url, oidc=settings(provider))


@pytest.fixture
def visitor(client):
    return Visitor(client)


def _role(visitor) -> str:
    caller = visitor.client.app.state.guard.credentials.find(visitor.cookies[COOKIE], 0)
    return f"{caller.tenant} {caller.role}"


def _log(visitor, tenant="lille") -> list[str]:
    lines = audit.latest(visitor.client.app.state.store.database, tenant)
    return [f"{line['who']}: {line['action']} {line['what']}" for line in lines]


def _sessions(visitor, tenant="lille") -> int:
    return len(visitor.client.app.state.guard.credentials.listed(tenant))


def _invite(visitor, tenant, who, role):
    grants = visitor.client.app.state.entrance.grants
    grants.invite(tenant, who, role, now_ms=1, by="test")


@ALGORITHMS
def test_the_people_of_an_establishment_enter_their_tenant(visitor, provider):
    answer = visitor.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    assert _role(visitor) == "lille viewer"
    assert (
        "Camille Martin &lt;camille.martin@lille.example&gt;" in visitor.ask("GET", "/login").text
    )
    assert "signed in" in _log(visitor)[0]
    assert FLOW not in visitor.cookies


def test_what_is_asked_of_the_provider(visitor, provider):
    there = visitor.ask("GET", "/login/oidc?lang=en").headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert query["acr_values"] == "eidas1"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "openid given_name usual_name email siret"
    assert query["redirect_uri"] == "http://test/login/oidc/callback"
    assert visitor.cookies[FLOW] not in there
    again = visitor.ask("GET", "/login/oidc").headers["location"]
    assert parse_qs(urlsplit(again).query)["state"] != [query["state"]]


def test_a_provider_without_pkce_is_not_sent_what_it_refuses(visitor, provider):
    provider.pkce = False
    assert visitor.sign_in().status_code == 303
    assert _role(visitor) == "lille viewer"


def test_userinfo_may_be_plain(visitor, provider):
    provider.fault = "plain userinfo"
    assert visitor.sign_in().status_code == 303
    assert _role(visitor) == "lille viewer"


def test_a_new_key_is_fetched_when_one_is_unknown(visitor, provider, monkeypatch):
    assert visitor.sign_in().status_code == 303
    provider.rotate()
    assert Visitor(visitor.client).sign_in().status_code == 403, "asked a moment ago"
    monkeypatch.setattr("cobenefit_backend.access.oidc.KEYS_AGAIN_S", 0.0)
    assert Visitor(visitor.client).sign_in().status_code == 303


LIES = {
    "nonce": "nonce",
    "audience": "aud",
    "expired": "exp",
    "issuer": "iss",
    "id key": "signature",
    "id none": "signature",
    "id hmac": "signature",
    "userinfo key": "userinfo: signature",
    "userinfo none": "userinfo: signature",
    "userinfo audience": "userinfo: aud",
    "userinfo sub": "userinfo: sub",
}


@pytest.mark.parametrize(
    ("algorithm", "faults"), [("ES256", list(LIES)), ("RS256", ["id key", "id hmac"])]
)
def test_every_lie_is_refused_with_its_reason_and_no_session(visitor, provider, faults):
    for fault in faults:
        reason = LIES[fault]
        provider.fault = fault
        answer = Visitor(visitor.client).sign_in()
        assert answer.status_code == 403, fault
        assert "could not be trusted" in answer.text
        assert f"Reason to pass on: {reason}" in answer.text, fault
        assert "climat@lille.example" in answer.text
        assert f"untrusted: {reason}" in _log(visitor)[0], fault
    assert _sessions(visitor) == 0


def test_an_answer_for_someone_else_is_not_exchanged(visitor, provider):
    for fault, reason in (("mix-up", "iss"), ("no iss", "iss"), ("denied", "access_denied")):
        provider.fault = fault
        answer = Visitor(visitor.client).sign_in()
        assert answer.status_code in {400, 403}
        assert f"Reason to pass on: {reason}" in answer.text
    assert "/token" not in provider.asked
    assert _sessions(visitor) == 0


def test_a_discovery_document_of_another_issuer_is_refused(visitor, provider):
    provider.fault = "discovery issuer"
    answer = visitor.ask("GET", "/login/oidc")
    assert answer.status_code == 403
    assert "issuer of the discovery document" in answer.text


def test_state_belongs_to_the_browser(visitor, provider):
    back = visitor.go()
    code = parse_qs(urlsplit(back).query)["code"][0]
    stranger = Visitor(visitor.client)
    stranger.cookies[FLOW] = "en.of-the-stranger"
    for who, path in (
        (Visitor(visitor.client), back),
        (stranger, back),
        (stranger, f"/login/oidc/callback?code={code}"),
        (stranger, "/login/oidc/callback"),
        (stranger, f"/login/oidc/callback?code={code}&state=é"),
    ):
        answer = who.ask("GET", path)
        assert answer.status_code == 400, path
        assert "Reason to pass on: state" in answer.text
    assert "/token" not in provider.asked
    assert visitor.ask("GET", back).status_code == 303, "the right browser, undisturbed"


def test_a_code_is_good_once(visitor, provider):
    back, flow = visitor.go(), visitor.cookies[FLOW]
    assert visitor.ask("GET", back).status_code == 303
    visitor.cookies = {FLOW: flow}
    answer = visitor.ask("GET", back)
    assert answer.status_code == 400
    assert "code: invalid_grant" in answer.text
    assert _sessions(visitor) == 1


def test_a_code_stolen_into_another_flow_fails_by_pkce(visitor, provider):
    code = parse_qs(urlsplit(visitor.go()).query)["code"][0]
    thief = Visitor(visitor.client)
    back = re.sub(r"code=[^&]+", f"code={code}", thief.go())
    answer = thief.ask("GET", back)
    assert "code: invalid_grant" in answer.text
    assert _sessions(visitor) == 0


def test_an_unknown_or_missing_siret_is_told_whom_to_ask(visitor, provider):
    for siret in ("99999999900011", "", 21590350100017, None):
        provider.claims["siret"] = siret
        if siret is None:
            del provider.claims["siret"]
        answer = Visitor(visitor.client).sign_in()
        assert answer.status_code == 403, siret
        assert "Your organisation has no access here yet." in answer.text
        assert "Ask climat@lille.example." in answer.text
        assert "employer: SIRET" in _log(visitor)[0]
    assert "camille" not in "".join(_log(visitor)).lower(), "of another organisation: no name"
    assert _sessions(visitor) == 0


@pytest.fixture
def strict(visitor, provider):
    """Where an administrator names each person."""
    config = settings(provider, role=None)
    visitor.client.app.state.entrance.provider.config = config
    return visitor


def test_without_a_grant_nobody_enters_and_the_administrator_sees_who_tried(strict):
    answer = strict.sign_in()
    assert answer.status_code == 403
    assert "nobody has given you access" in answer.text
    assert "Camille Martin <camille.martin@lille.example>" in _log(strict)[0]


def test_an_invitation_is_bound_to_the_first_who_proves_it(strict, provider):
    _invite(strict, "lille", "Camille.Martin@Lille.example", "officer")
    assert strict.sign_in().status_code == 303
    assert _role(strict) == "lille officer"
    provider.claims["email"] = "camille.durand@lille.example"
    assert Visitor(strict.client).sign_in().status_code == 303, "same person, new address"
    provider.claims |= {"sub": "someone-new", "email": "Camille.Martin@lille.example"}
    assert Visitor(strict.client).sign_in().status_code == 403, "new person, same address"


def test_an_unverified_address_opens_nothing(strict, provider):
    _invite(strict, "lille", "camille.martin@lille.example", "admin")
    provider.claims["email_verified"] = False
    assert strict.sign_in().status_code == 403
    provider.claims["email_verified"] = True
    assert strict.sign_in().status_code == 303


def test_a_grant_by_subject_and_none_closes_the_door(visitor, provider):
    _invite(visitor, "lille", "7f3a", "none")
    answer = visitor.sign_in()
    assert answer.status_code == 403
    assert _sessions(visitor) == 0


def test_the_own_employer_comes_before_other_tenants(visitor, provider):
    _invite(visitor, "roubaix", "7f3a", "admin")
    assert visitor.sign_in().status_code == 303
    assert _role(visitor) == "lille viewer"
    provider.claims["siret"] = "99999999900011"
    other = Visitor(visitor.client)
    assert other.sign_in().status_code == 303
    assert _role(other) == "roubaix admin", "a consultant, invited there"


def test_a_change_or_removal_ends_the_sessions(visitor, provider):
    _invite(visitor, "lille", "7f3a", "officer")
    visitor.sign_in()
    grants = visitor.client.app.state.entrance.grants
    (row,) = grants.listed("lille")
    assert not grants.change("roubaix", row["person"], "admin", by="test")
    assert not grants.revoke("roubaix", row["person"], by="test")
    assert _role(visitor) == "lille officer"
    assert grants.change("lille", row["person"], "viewer", by="test")
    assert _sessions(visitor) == 0
    visitor.sign_in()
    assert _role(visitor) == "lille viewer"
    assert grants.revoke("lille", row["person"], by="test")
    assert _sessions(visitor) == 0


def test_one_person_has_few_sessions(visitor, monkeypatch):
    monkeypatch.setattr("cobenefit_backend.access.credentials.MAX_SESSIONS", 2)
    for _ in range(3):
        visitor.sign_in()
    assert _sessions(visitor) == 2
    assert _role(visitor) == "lille viewer", "the newest stays"


def test_signing_out_reaches_the_provider(visitor, provider):
    visitor.sign_in()
    form = re.search(r'name="form" value="([0-9a-f]{64})"', visitor.ask("GET", "/login").text)[1]
    answer = visitor.ask("POST", "/logout", data={"form": form})
    address = answer.headers["refresh"].removeprefix("0; url=")
    assert address.startswith(f"{provider.issuer}/session/end?id_token_hint=")
    assert _sessions(visitor) == 0
    assert visitor.cookies == {}
    back = httpx.get(address, trust_env=False)
    assert back.headers["location"].startswith("http://test/login?state=")
    assert visitor.ask("GET", "/login?state=x").status_code == 200


def test_a_provider_that_is_down_leaves_the_secret(visitor, provider, new_key):
    for fault in ("500", "huge"):
        provider.fault = f"{fault} /.well-known/openid-configuration"
        answer = visitor.ask("GET", "/login/oidc")
        assert answer.status_code == 503, fault
    assert "does not answer as it should" in answer.text
    assert 'name="secret"' in answer.text
    secret = new_key(visitor.client.app, "lille", "viewer", "secret")
    form = re.search(r'name="form" value="([0-9a-f]{64})"', answer.text)[1]
    signed = visitor.ask("POST", "/login", data={"form": form, "secret": secret})
    assert signed.status_code == 303
    assert _role(visitor) == "lille viewer"


def test_a_provider_that_fails_half_way(visitor, provider):
    for path in ("/token", "/jwks", "/userinfo"):
        provider.fault = f"500 {path}"
        assert Visitor(visitor.client).sign_in().status_code == 503, path
    assert _sessions(visitor) == 0


def test_nobody_listens_there(visitor, provider):
    found = visitor.client.app.state.entrance.provider
    port = free_port()
    found.config = dataclasses.replace(found.config, issuer=f"http://127.0.0.1:{port}")
    assert visitor.ask("GET", "/login/oidc").status_code == 503


def test_few_wait_for_a_provider_at_a_time(visitor):
    fetcher = visitor.client.app.state.entrance.provider._fetcher
    for _ in range(AT_ONCE):
        fetcher._places.acquire()
    answer = visitor.ask("GET", "/login/oidc?lang=fr")
    assert answer.status_code == 503
    assert "Trop de personnes attendent ProConnect" in answer.text


def test_the_button_is_there_only_when_configured(visitor):
    assert "Sign in with ProConnect" in visitor.ask("GET", "/login").text
    state = visitor.client.app.state
    state.config, state.entrance = dataclasses.replace(state.config, oidc=None), None
    assert "ProConnect" not in visitor.ask("GET", "/login").text
    assert visitor.ask("GET", "/login/oidc").status_code == 404
