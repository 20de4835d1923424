"""Pushing to the platform, against a server on loopback that is as strict as the real one."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from typer.testing import CliRunner

from cobenefit_backend import territoires
from cobenefit_backend.errors import InputError
from cobenefit_backend.push_cli import SECRET, push
from cobenefit_backend.report.build import build

COMMUNITY, OWN, TOTAL = 4936, 123, 7
FIELDS = {"collectiviteId", "indicateurId", "dateValeur", "resultat", "resultatCommentaire"}


class Platform(BaseHTTPRequestHandler):
    """The part of the public API that is used: token, indicators, values."""

    def log_message(self, *_):
        """Say nothing."""

    def _answer(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _allowed(self):
        if self.headers.get("Authorization") == "Bearer good":
            return True
        self._answer(401, {"message": "Unauthorized"})
        return False

    def do_GET(self):
        query = parse_qs(urlparse(self.path).query)
        if self.path.startswith("/api/v1/indicateurs?") and self._allowed():
            assert query["collectiviteId"] == [str(COMMUNITY)]
            self._answer(
                200,
                [
                    {"id": OWN, "identifiantReferentiel": None, "unite": "tCO2e"},
                    {"id": TOTAL, "identifiantReferentiel": "cae_1.a", "unite": "kteq CO2"},
                ],
            )

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/oauth/token":
            wanted = {"client_id": "ville", "client_secret": "s3cret"}
            known = body == {**wanted, "grant_type": "client_credentials"}
            self._answer(
                201 if known else 401,
                {"access_token": "good", "expires_in": 21600} if known else {"message": "no"},
            )
        elif self.path == "/api/v1/indicateurs/valeurs" and self._allowed():
            for value in body["valeurs"]:
                assert set(value) == FIELDS
                self.server.stored[value["indicateurId"], value["dateValeur"]] = value
            self._answer(201, {"valeurs": body["valeurs"]})


@pytest.fixture
def platform():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    server.stored = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _account(platform, secret="s3cret"):
    base = f"http://127.0.0.1:{platform.server_port}/api/v1"
    return territoires.Account(COMMUNITY, "ville", secret, base)


@pytest.fixture
def report(municipality):
    return build(municipality.app.state.store, "demo")


def test_what_is_claimed_is_stored_once_and_nothing_else_is(report, platform):
    for _ in range(2):
        found = territoires.values(report, {"school": OWN}, COMMUNITY)
        assert territoires.push(_account(platform), found) == 1
    (stored,) = platform.stored.values()
    case = next(each for each in report.cases if each.study == "school")
    assert stored["resultat"] == pytest.approx(case.estimate.net_kgco2e.central / 1000, abs=1e-6)
    assert stored["dateValeur"] == "2024-01-01"
    assert "à ne pas ajouter" in stored["resultatCommentaire"]
    for study, why in (("road", "modelled"), ("house-test", "nothing is claimed"), ("x", "known")):
        with pytest.raises(InputError, match=why):
            territoires.values(report, {study: OWN}, COMMUNITY)
    found = territoires.values(report, {"school": TOTAL}, COMMUNITY)
    with pytest.raises(InputError, match=r"cae_1\.a.*totals"):
        territoires.push(_account(platform), found)
    with pytest.raises(InputError, match="401"):
        territoires.push(_account(platform, "wrong"), found)
    assert len(platform.stored) == 1


def test_the_command_line_never_shows_the_secret(municipality, config, platform, tmp_path):
    import typer

    app = typer.Typer()
    app.command()(push)
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{config.database_url}"\n')
    account = _account(platform)
    arguments = [
        str(COMMUNITY), "--indicator", f"school={OWN}", "--client-id", "ville",
        "--base", account.base, "-c", str(path),
    ]  # fmt: skip
    shown = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "Nothing was sent" in shown.output
    assert not platform.stored
    lacking = CliRunner().invoke(app, arguments, env={SECRET: ""})
    assert lacking.exit_code == 2
    assert SECRET in lacking.output
    done = CliRunner().invoke(app, arguments, env={SECRET: "s3cret"})
    assert done.exit_code == 0, done.output
    assert "1 values stored" in done.output
    assert len(platform.stored) == 1
    assert "s3cret" not in shown.output + done.output + repr(account)
