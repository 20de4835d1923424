import re
from pathlib import Path

import pytest

import cobenefit_gateway
from cobenefit_gateway.config import Config, load
from cobenefit_gateway.errors import ConfigError

SAMPLE = Path(cobenefit_gateway.__file__).with_name("sample.toml")
REFERENCE = Path(__file__).parents[2] / "docs/reference/gateway.md"


def test_the_sample_shows_every_key_with_its_default():
    sample, default = load(SAMPLE), Config(SAMPLE, "demo", SAMPLE.parent / "gateway-data")
    for name in (
        "checkpoint_s",
        "broker",
        "journal",
        "windows",
        "quality",
        "backend",
        "histogram",
    ):
        assert getattr(sample, name) == getattr(default, name), name
    text = SAMPLE.read_text(encoding="utf-8")
    for part in (
        default.broker,
        default.journal,
        default.windows,
        default.quality,
        default.backend,
    ):
        for key in part.__dataclass_fields__:
            assert re.search(rf"^{key} = ", text, re.MULTILINE), key


def test_every_key_is_in_the_reference():
    text = REFERENCE.read_text(encoding="utf-8")
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        key = re.match(r"#? ?([a-z_]+) = ", line)
        if key:
            assert f"`{key[1]}`" in text, key[1]


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("", "tenant", "given"),
        ('tenant = "A B"', "tenant", "[a-z0-9-]"),
        ('tenant = "t"\ncolour = 1', "colour", "one of"),
        ('tenant = "t"\n[broker]\nport = 99999', "broker.port", "1 to 65535"),
        ('tenant = "t"\n[broker]\nport = "x"', "broker.port", "a whole number"),
        ('tenant = "t"\n[broker]\nport = true', "broker.port", "a whole number"),
        ('tenant = "t"\nbroker = 3', "broker", "a table"),
        ('tenant = "t"\n[broker]\nhots = "x"', "broker.hots", "one of host"),
        ('tenant = "t"\n[windows]\nbase_s = 700', "windows.base_s", "a divisor"),
        ('tenant = "t"\n[windows]\ntimezone = "Mars/X"', "windows.timezone", "IANA"),
        ('tenant = "t"\n[quality]\nearliest = "soon"', "quality.earliest", "a date"),
        ('tenant = "t"\n[backend]\nurl = "ftp://x"', "backend.url", "http"),
        ('tenant = "t"\n[[site]]\nid = "s"', "site.timezone", "given"),
        ('tenant = "t"\n[[channel]]\nperiod_s = 0', "channel.period_s", "0.001 to 604800"),
        ('tenant = "t"\n[[histogram]]\nchannel = "x"\nedges = [2, 1]', "histogram.edges", "incr"),
        ('tenant = "t"\n[[consent]]\nsite = "s"\ndevice = "d"\nresolution = "raw"',
         "consent.resolution", "'window'"),
        ("tenant = ", "(file)", "valid TOML"),
    ],
)  # fmt: skip
def test_an_error_names_file_key_value_and_what_is_allowed(tmp_path, text, key, allowed):
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as err:
        load(file)
    assert err.value.key == key
    assert allowed in err.value.allowed
    assert str(file) in str(err.value)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match="readable"):
        load(tmp_path / "none.toml")


def test_first_matching_rule_wins(tmp_path):
    file = tmp_path / "g.toml"
    file.write_text(
        'tenant = "t"\n[[channel]]\ndevice = "road*"\nperiod_s = 3600\n'
        '[[channel]]\nchannel = "soil_*"\nperiod_s = 900\n'
    )
    config = load(file)
    assert config.rule("s", "road-1", "soil_ph").period_s == 3600
    assert config.rule("s", "field", "soil_ph").period_s == 900
    assert config.rule("s", "field", "voltage_v").period_s == 600
    assert config.timezone("s") == "UTC"
    assert not config.fine("s", "field")
