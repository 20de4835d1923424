"""A browser in which someone is signed in: forms with their token, with files or without."""

from urllib.parse import urlencode

import pytest

from cobenefit_backend.access.guard import COOKIE, form_token, now_ms


class Browser:
    """Sends what the pages' forms would."""

    def __init__(self, client, token: str) -> None:
        self._client, self.token = client, token

    def ask(self, method, path, **options):
        headers = {"Authorization": "", "Cookie": f"{COOKIE}={self.token}"}
        return self._client.request(method, path, headers=headers, **options)

    def get(self, path):
        return self.ask("GET", path)

    def send(self, path, **fields):
        content = urlencode({"form": form_token(self.token), **fields})
        return self.ask("POST", path, content=content)

    def upload(self, path, name, content, **fields):
        data = {"form": form_token(self.token), **fields}
        return self.ask("POST", path, data=data, files={"file": (name, content)})


@pytest.fixture
def signed_in(client, new_key):
    """Sign someone in, by a secret as people do."""

    def sign_in(role="officer", tenant="demo"):
        secret = new_key(client.app, tenant, role, "secret")
        return Browser(client, client.app.state.guard.credentials.redeem(secret, now_ms()))

    return sign_in
