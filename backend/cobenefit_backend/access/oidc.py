"""OpenID Connect, authorization code flow: from the button to a person the provider vouches for.

State, nonce and PKCE verifier of a sign-in are hashes of one random cookie, so nothing has to be
kept here between the two visits. What is checked, and where it is written: OpenID Connect Core
1.0, sections 3.1.3.7 (ID token) and 5.3 (userinfo); RFC 7636 (PKCE); RFC 9207 (`iss` of the
answer); RFC 9700, section 2.1.1 (code and nonce against injected codes).
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.claims import JWTClaims
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from cobenefit_backend.access.oidc_config import OidcConfig
from cobenefit_backend.access.oidc_errors import SignInError
from cobenefit_backend.access.oidc_http import Fetcher

ALGORITHMS = ("RS256", "ES256", "PS256")
LEEWAY_S = 60
METADATA_LIFE_S = 600.0
KEYS_AGAIN_S = 60.0
MAX_TEXT = 254
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as the provider names them.

    Parameters
    ----------
    issuer : str
        The provider.
    subject : str
        Their name there, which never changes.
    email : str
        Address, lower case; empty when there is none or the provider says it is unverified.
    siret : str
        Establishment they work for; empty when not said.
    name : str
        What to call them.
    id_token : str
        What the provider wants back when they sign out.
    """

    issuer: str
    subject: str
    email: str
    siret: str
    name: str
    id_token: str

    def __str__(self) -> str:
        """Return how the audit log names them."""
        return f"{self.name} <{self.email or self.subject}>"


def derived(flow: str, what: str) -> str:
    """Return state, nonce or verifier of a sign-in, from its cookie."""
    return hashlib.sha256(f"oidc {what} {flow}".encode()).hexdigest()


class Provider:
    """One provider, its discovery document and its keys.

    Parameters
    ----------
    config : OidcConfig
        Settings.
    fetcher : Fetcher, optional
        How it is asked.
    """

    def __init__(self, config: OidcConfig, fetcher: Fetcher | None = None) -> None:
        self.config = config
        self._fetcher = fetcher or Fetcher()
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def start(self, flow: str) -> str:
        """Return where the browser goes to sign in.

        Parameters
        ----------
        flow : str
            The random cookie of this sign-in.

        Returns
        -------
        str
            Address at the provider.

        Raises
        ------
        SignInError
            The provider does not answer, or not as it must.
        """
        metadata = self.metadata()
        more = {"nonce": derived(flow, "nonce")}
        if self.config.acr_values:
            more["acr_values"] = self.config.acr_values
        if _has_pkce(metadata):
            more["code_challenge"] = create_s256_code_challenge(derived(flow, "verifier"))
            more["code_challenge_method"] = "S256"
        address: str = prepare_grant_uri(
            metadata["authorization_endpoint"], self.config.client_id, "code",
            redirect_uri=self.config.redirect_uri, scope=self.config.scope,
            state=derived(flow, "state"), **more,
        )  # fmt: skip
        return address

    def finish(self, answer: Mapping[str, str], flow: str) -> Identity:
        """Return who came back.

        Parameters
        ----------
        answer : mapping
            What the browser brought: `code`, `state`, `iss`, or `error`.
        flow : str
            The random cookie of this sign-in; empty when the browser has none.

        Returns
        -------
        Identity
            The person.

        Raises
        ------
        SignInError
            Something does not hold; `detail` says what.
        """
        sent = answer.get("state", "").encode()
        if not flow or not hmac.compare_digest(sent, derived(flow, "state").encode()):
            raise SignInError("state", "state")
        metadata = self.metadata()
        if answer.get("iss", self.config.issuer) != self.config.issuer:
            raise SignInError("state", "iss")
        if "iss" not in answer and metadata.get("authorization_response_iss_parameter_supported"):
            raise SignInError("state", "iss")
        if "code" not in answer:
            raise SignInError("refused", _word(answer.get("error", "code")))
        tokens = self._exchange(metadata, answer["code"], flow)
        claims = self._id_claims(tokens, derived(flow, "nonce"))
        return self._identity({**claims, **self._userinfo(metadata, tokens, claims)}, tokens)

    def goodbye(self, id_token: str) -> str:
        """Return where the browser signs out of the provider, empty when it offers that nowhere.

        Parameters
        ----------
        id_token : str
            From the sign-in.

        Returns
        -------
        str
            Address at the provider.
        """
        endpoint = self.metadata().get("end_session_endpoint", "")
        if not isinstance(endpoint, str) or not endpoint:
            return ""
        values = {
            "id_token_hint": id_token,
            "post_logout_redirect_uri": self.config.logout_uri,
            "state": hashlib.sha256(id_token.encode()).hexdigest(),
        }
        address: str = add_params_to_uri(endpoint, list(values.items()))
        return address

    def metadata(self) -> dict[str, Any]:
        """Return the discovery document (OpenID Connect Discovery 1.0, section 4).

        Returns
        -------
        dict
            Asked for again after ten minutes.
        """
        with self._lock:
            known = self._metadata
        if known and time.monotonic() - known[0] < METADATA_LIFE_S:
            return known[1]
        address = f"{self.config.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = self._get(address)
        if found.get("issuer") != self.config.issuer:
            raise SignInError("untrusted", "issuer of the discovery document")
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str):
                raise SignInError("down", f"the discovery document has no {name}")
        with self._lock:
            self._metadata = time.monotonic(), found
        return found

    def _get(self, address: str) -> dict[str, Any]:
        answer = self._fetcher.send("GET", address)
        if answer.status != 200:
            raise SignInError("down", f"HTTP {answer.status} from {address}")
        return answer.json()

    def _exchange(self, metadata: dict[str, Any], code: str, flow: str) -> dict[str, Any]:
        values = {
            "grant_type": "authorization_code", "code": code,
            "redirect_uri": self.config.redirect_uri,
        }  # fmt: skip
        if _has_pkce(metadata):
            values["code_verifier"] = derived(flow, "verifier")
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_post" if "client_secret_post" in methods else "client_secret_basic"
        auth = ClientAuth(self.config.client_id, self.config.client_secret, method)
        url, headers, body = auth.prepare(
            "POST", metadata["token_endpoint"], dict(FORM), urlencode(values)
        )
        answer = self._fetcher.send("POST", url, headers, body)
        if answer.status >= 500:
            raise SignInError("down", f"HTTP {answer.status} from the token endpoint")
        tokens = answer.json()
        if answer.status != 200:
            raise SignInError("state", f"code: {_word(tokens.get('error'))}")
        if not all(isinstance(tokens.get(key), str) for key in ("access_token", "id_token")):
            raise SignInError("untrusted", "no tokens")
        return tokens

    def _id_claims(self, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        token = self._verified(tokens["id_token"])
        options = {
            "iss": {"essential": True, "value": self.config.issuer},
            "aud": {"essential": True, "value": self.config.client_id},
        }
        params = {
            "nonce": nonce, "client_id": self.config.client_id,
            "access_token": tokens["access_token"],
        }  # fmt: skip
        claims = CodeIDToken(token.claims, token.header, options, params)
        _validate(claims)
        return dict(claims)

    def _userinfo(
        self, metadata: dict[str, Any], tokens: dict[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        if not isinstance(metadata.get("userinfo_endpoint"), str):
            return {}
        headers = {
            "Authorization": f"Bearer {tokens['access_token']}",
            "Accept": "application/json, application/jwt",
        }
        answer = self._fetcher.send("GET", metadata["userinfo_endpoint"], headers)
        if answer.status != 200:
            raise SignInError("down", f"HTTP {answer.status} from userinfo")
        if answer.media_type == "application/jwt":
            info = self._signed_userinfo(answer.body)
        else:
            info = answer.json()
        if info.get("sub") != claims["sub"]:
            raise SignInError("untrusted", "userinfo: sub")
        return {key: value for key, value in info.items() if key not in {"iss", "aud", "exp"}}

    def _signed_userinfo(self, body: bytes) -> dict[str, Any]:
        token = self._verified(body.decode("ascii", "replace").strip(), "userinfo: ")
        options = {
            "iss": {"essential": True, "value": self.config.issuer},
            "aud": {"essential": True, "value": self.config.client_id},
        }
        _validate(JWTClaims(token.claims, token.header, options), "userinfo: ")
        return dict(token.claims)

    def _verified(self, text: str, what: str = "") -> jwt.Token:
        try:
            try:
                return jwt.decode(text, self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                return jwt.decode(text, self._key_set(again=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            name = type(error).__name__.removesuffix("Error")
            raise SignInError("untrusted", f"{what}signature ({name})") from error

    def _key_set(self, *, again: bool = False) -> KeySet:
        age_s = KEYS_AGAIN_S if again else METADATA_LIFE_S
        with self._lock:
            known = self._keys
        if known and time.monotonic() - known[0] < age_s:
            return known[1]
        try:
            found = KeySet.import_key_set(self._get(self.metadata()["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise SignInError("down", "the provider's keys can't be read") from error
        with self._lock:
            self._keys = time.monotonic(), found
        return found

    def _identity(self, claims: dict[str, Any], tokens: dict[str, Any]) -> Identity:
        email = _text(claims.get("email")).lower()
        trusted = claims.get("email_verified") not in {False, "false"} and "@" in email
        family = _text(claims.get("usual_name")) or _text(claims.get("family_name"))
        name = f"{_text(claims.get('given_name'))} {family}".strip() or _text(claims.get("name"))
        subject = claims["sub"]
        if not 0 < len(subject) <= MAX_TEXT:
            raise SignInError("untrusted", "sub")
        return Identity(
            issuer=self.config.issuer, subject=subject, email=email if trusted else "",
            siret=_text(claims.get("siret")).replace(" ", ""),
            name=name or email or subject, id_token=tokens["id_token"],
        )  # fmt: skip


def _validate(claims: Any, what: str = "") -> None:
    try:
        claims.validate(leeway=LEEWAY_S)
    except ClaimError as error:
        raise SignInError("untrusted", f"{what}{error.claim}") from error
    except (JoseError, ValueError, TypeError) as error:
        raise SignInError("untrusted", f"{what}{type(error).__name__}") from error


def _has_pkce(metadata: dict[str, Any]) -> bool:
    # RFC 8414, section 2: who lists no method has none; ProConnect refuses what it does not know.
    return "S256" in (metadata.get("code_challenge_methods_supported") or [])


def _text(value: object) -> str:
    return "".join(filter(str.isprintable, value))[:MAX_TEXT] if isinstance(value, str) else ""


def _word(value: object) -> str:
    return _text(value)[:60] or "unknown"
