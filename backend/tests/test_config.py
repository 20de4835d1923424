"""A wrong configuration is refused before anything starts, with file, key, value and range."""

from pathlib import Path

import pytest

from cobenefit_backend import config
from cobenefit_backend.errors import ConfigError

SAMPLE = Path(config.__file__).parent / "sample.toml"


def test_the_sample_holds_the_defaults():
    assert config.load(SAMPLE, {}) == config.BackendConfig()


@pytest.mark.parametrize(
    ("text", "key", "part"),
    [
        ("[server]\nport = 70000\n", "server.port", "1 to 65535"),
        ('[server]\nport = "80"\n', "server.port", "must be a int"),
        ("[server]\nport = true\n", "server.port", "must be a int"),
        ("[server]\nprot = 80\n", "server.prot", "unknown key"),
        ("port = 80\n", "port", "unknown key"),
        ('[database]\nurl = "mysql://u:secret@h/db"\n', "database.url", "sqlite"),
        ("[server\n", "file", "TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, key, part):
    path = tmp_path / "backend.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=part) as refused:
        config.load(path, {})
    assert refused.value.key == key
    assert "backend.toml" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_environment_names_the_database():
    found = config.load(None, {"COBENEFIT_DATABASE_URL": "sqlite:///other.db"})
    assert found.database_url == "sqlite:///other.db"


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "none.toml", {})
