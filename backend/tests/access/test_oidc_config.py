"""A wrong provider is refused before anything starts, with key, value and what is allowed."""

import pytest

from cobenefit_backend import config
from cobenefit_backend.access.oidc_config import Employer
from cobenefit_backend.access.roles import Role
from cobenefit_backend.errors import ConfigError

WHOLE = """
[oidc]
issuer = "https://idp.example/api/v2"
client_id = "us"
public_url = "https://us.example/"
contact = "climate@us.example"
acr_values = "eidas1"
[[oidc.tenants]]
siret = "215 903 501 00017"
tenant = "lille"
role = "viewer"
[[oidc.tenants]]
tenant = "roubaix"
"""
SECRET = {"COBENEFIT_OIDC_SECRET": "not-in-any-file"}


def _load(tmp_path, toml, environment=SECRET):
    path = tmp_path / "backend.toml"
    path.write_text(toml)
    return config.load(path, environment).oidc


def test_a_whole_table(tmp_path):
    found = _load(tmp_path, WHOLE)
    assert found.redirect_uri == "https://us.example/login/oidc/callback"
    assert found.logout_uri == "https://us.example/login"
    assert found.name == "ProConnect"
    assert found.client_secret == "not-in-any-file"
    assert "not-in-any-file" not in repr(found)
    assert found.employer("21590350100017") == Employer("lille", "21590350100017", Role.VIEWER)
    assert found.employer("") == Employer("roubaix"), "everyone else"


def test_the_secret_may_be_in_a_file(tmp_path):
    (tmp_path / "secret").write_text(" in-its-file\n")
    toml = WHOLE.replace("[oidc]", f'[oidc]\nclient_secret_file = "{tmp_path}/secret"')
    assert _load(tmp_path, toml, {}).client_secret == "in-its-file"


def test_without_an_issuer_there_is_none(tmp_path):
    assert _load(tmp_path, '[oidc]\nissuer = ""\n', {}) is None
    assert _load(tmp_path, "", {}) is None


@pytest.mark.parametrize(
    ("old", "new", "key", "part"),
    [
        ('issuer = "https', 'issuer = "http', "oidc.issuer", "https"),
        ('public_url = "https', 'public_url = "ftp', "oidc.public_url", "https"),
        ('client_id = "us"\n', "", "oidc.client_id", "needed"),
        ('contact = "climate@us.example"\n', "", "oidc.contact", "needed"),
        ('client_id = "us"', "client_id = 7", "oidc.client_id", "must be a str"),
        ("client_id", "client_name", "oidc.client_name", "unknown key"),
        ('role = "viewer"', 'role = "gateway"', "oidc.tenants", "viewer, officer"),
        ('role = "viewer"', 'rolle = "viewer"', "oidc.tenants", "has tenant"),
        ("215 903 501 00017", "215 903 501", "oidc.tenants", "14 digits"),
        ('siret = "215 903 501 00017"', "", "oidc.tenants", "last"),
        ('tenant = "roubaix"', 'tenant = ""', "oidc.tenants", "has tenant"),
        ("[oidc]", "[oidc]\nclient_secret_file = '/nowhere'", "", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, key, part):
    assert old in WHOLE
    environment = SECRET if key else {}
    with pytest.raises(ConfigError, match=part) as refused:
        _load(tmp_path, WHOLE.replace(old, new, 1), environment)
    assert refused.value.key == (key or "oidc.client_secret_file")


def test_a_provider_that_lets_nobody_in_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="at least one"):
        _load(tmp_path, WHOLE.partition("[[")[0])
    with pytest.raises(ConfigError, match="COBENEFIT_OIDC_SECRET"):
        _load(tmp_path, WHOLE, {})
    with pytest.raises(ConfigError, match="must be a table"):
        _load(tmp_path, 'oidc = "yes"\n')
