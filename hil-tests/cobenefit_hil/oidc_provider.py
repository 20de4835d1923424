"""An OpenID Connect provider on loopback that signs for real, and lies when a test asks it to.

As strict as ProConnect: long state and nonce, no parameter it does not know, a code once, PKCE.
Whoever comes is the person in `claims`. Example:

    with Provider() as provider:
        provider.fault = "nonce"
"""

import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, KeyParameters, KeySet, RSAKey

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_ID = "cobenefit-test"
CLIENT_SECRET = "loopback-client-secret"  # noqa: S105  of a provider that lives for one test
PARAMETERS = {
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "acr_values",
    "code_challenge", "code_challenge_method",
}  # fmt: skip
PERSON = {
    "sub": "7f3a", "given_name": "Camille", "usual_name": "Martin",
    "email": "Camille.Martin@lille.example", "siret": "21590350100017",
}  # fmt: skip
HUGE_BYTES = 400_000
Answer = tuple[int, dict[str, str], bytes]


class Provider:
    """The provider.

    Parameters
    ----------
    algorithm : {'RS256', 'ES256'}, optional
        How it signs.
    pkce : bool, optional
        Whether it has PKCE; without, it refuses the parameter.
    """

    def __init__(self, algorithm: str = "RS256", *, pkce: bool = True) -> None:
        self.algorithm, self.pkce = algorithm, pkce
        self.fault = ""
        self.claims: dict[str, Any] = dict(PERSON)
        self.asked: list[str] = []
        self.ended: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.key = self._new_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v2"

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.key = self._new_key()

    def _new_key(self) -> RSAKey | ECKey:
        parameters: KeyParameters = {"kid": secrets.token_hex(4), "use": "sig"}
        if self.algorithm == "ES256":
            return ECKey.generate_key("P-256", parameters)
        return RSAKey.generate_key(2048, parameters)

    def answer(self, method: str, target: str, body: str, headers: dict[str, str]) -> Answer:
        """Return the answer to a request.

        Parameters
        ----------
        method : str
            HTTP method.
        target : str
            Path and query.
        body : str
            Form.
        headers : dict
            By name in lower case.

        Returns
        -------
        tuple
            Status, headers, body.
        """
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api/v2")
        self.asked.append(path)
        if self.fault == f"500 {path}":
            return 500, {}, b"down"
        if self.fault == f"huge {path}":
            return 200, {"Content-Type": "application/json"}, b" " * HUGE_BYTES
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        routes: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/.well-known/openid-configuration"): self._discovery,
            ("GET", "/jwks"): self._jwks,
            ("GET", "/authorize"): lambda: self._authorize(query),
            ("POST", "/token"): lambda: self._token(dict(parse_qsl(body))),
            ("GET", "/userinfo"): lambda: self._userinfo(headers.get("authorization", "")),
            ("GET", "/session/end"): lambda: self._end(query),
        }
        found = routes.get((method, path))
        return found() if found else (404, {}, b"")

    def _discovery(self) -> Answer:
        base = self.issuer
        document = {
            "issuer": "https://else.example" if self.fault == "discovery issuer" else base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/jwks",
            "end_session_endpoint": f"{base}/session/end",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self.pkce:
            document["code_challenge_methods_supported"] = ["S256"]
        return _json(200, document)

    def _jwks(self) -> Answer:
        return _json(200, KeySet([self.key]).as_dict(private=False))

    def _authorize(self, query: dict[str, str]) -> Answer:
        known = PARAMETERS if self.pkce else {n for n in PARAMETERS if not n.startswith("code_")}
        if query.keys() - known or query.get("client_id") != CLIENT_ID:
            return _json(400, {"error": "Y000400"})
        if min(len(query.get("state", "")), len(query.get("nonce", ""))) < 32:
            return _json(400, {"error": "state and nonce have 32 characters at least"})
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer}
        if self.fault == "denied":
            answer = {"error": "access_denied", "state": query["state"], "iss": self.issuer}
        if self.fault == "mix-up":
            answer["iss"] = "https://else.example"
        if self.fault == "no iss":
            del answer["iss"]
        return 303, {"Location": f"{query['redirect_uri']}?{urlencode(answer)}"}, b""

    def _token(self, form: dict[str, str]) -> Answer:
        asked = self._codes.pop(form.get("code", ""), None)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _json(401, {"error": "invalid_client"})
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return _json(400, {"error": "invalid_grant"})
        verifier = form.get("code_verifier", "")
        if self.pkce and create_s256_code_challenge(verifier) != asked.get("code_challenge"):
            return _json(400, {"error": "invalid_grant"})
        access = secrets.token_urlsafe(16)
        self._tokens.add(access)
        tokens = {"access_token": access, "token_type": "Bearer", "expires_in": 60}
        return _json(200, {**tokens, "id_token": self._id_token(asked["nonce"])})

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://else.example" if self.fault == "issuer" else self.issuer,
            "aud": "someone-else" if self.fault == "audience" else CLIENT_ID,
            "exp": now - 3600 if self.fault == "expired" else now + 60,
            "iat": now - 7200 if self.fault == "expired" else now,
            "sub": self.claims["sub"], "acr": "eidas1",
            "nonce": "0" * 64 if self.fault == "nonce" else nonce,
        }  # fmt: skip
        return self._sign(claims, "id")

    def _sign(self, claims: dict[str, Any], what: str) -> str:
        key, algorithm = self.key, self.algorithm
        header = {"alg": algorithm, "kid": str(key.kid)}
        if self.fault == f"{what} key":
            other = self._new_key()
            return jwt.encode(header, claims, other, algorithms=[algorithm])
        if self.fault in {f"{what} none", f"{what} hmac"}:
            return _forged(self.fault.split()[1], header, claims, key.as_pem(private=False))
        return jwt.encode(header, claims, key, algorithms=[algorithm])

    def _userinfo(self, authorization: str) -> Answer:
        token = authorization.removeprefix("Bearer ")
        if token not in self._tokens:
            return _json(401, {"error": "invalid_token"})
        self._tokens.remove(token)
        claims = dict(self.claims)
        if self.fault == "userinfo sub":
            claims["sub"] = "someone-else"
        if self.fault == "plain userinfo":
            return _json(200, claims)
        now = int(time.time())
        audience = "someone-else" if self.fault == "userinfo audience" else CLIENT_ID
        claims |= {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 60}
        signed = self._sign(claims, "userinfo").encode()
        return 200, {"Content-Type": "application/jwt; charset=utf-8"}, signed

    def _end(self, query: dict[str, str]) -> Answer:
        self.ended.append(query)
        jwt.decode(query["id_token_hint"], self.key, algorithms=[self.algorithm])
        back = f"{query['post_logout_redirect_uri']}?state={query['state']}"
        return 303, {"Location": back}, b""


def _forged(how: str, header: dict[str, str], claims: dict[str, Any], public: bytes) -> str:
    """Return a token unsigned, or signed with the public key as if it were a password.

    By hand, because the library rightly will not.
    """
    header["alg"] = {"none": "none", "hmac": "HS256"}[how]
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    mark = hmac.digest(public, signed, "sha256") if how == "hmac" else b""
    return (signed + b"." + _base64(mark)).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _json(status: int, content: object) -> Answer:
    return status, {"Content-Type": "application/json;charset=utf-8"}, json.dumps(content).encode()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length).decode()
            status, more, content = provider.answer(self.command, self.path, body, headers)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the other side had enough, as it should

    return Handler
