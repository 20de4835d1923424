"""The cache keeps what has the pinned digest, and nothing else."""

import hashlib

import pytest
from typer.testing import CliRunner

from cobenefit_boards import board, flash_image
from cobenefit_boards.commands import boards as app

NAME = "ESP32_GENERIC-20260406-v1.28.0.bin"


@pytest.fixture
def wanted(tmp_path):
    source = tmp_path / NAME
    source.write_bytes(b"an image")
    digest = hashlib.sha256(b"an image").hexdigest()
    (tmp_path / "images.toml").write_text(
        f'[[image]]\nurl = "{source.as_uri()}"\nsha256 = "{digest}"\n'
    )
    return tmp_path / "images.toml"


def fetch(wanted):
    return CliRunner().invoke(app, ["fetch", str(wanted), "--into", str(wanted.parent / "images")])


def test_what_is_fetched_is_pinned_and_found_without_a_network(wanted):
    assert fetch(wanted).exception is None
    (wanted.parent / NAME).unlink()
    assert fetch(wanted).exception is None
    path = flash_image.find(board.load("esp32_generic"), wanted.parent / "images")
    assert flash_image.pinned(path) == hashlib.sha256(b"an image").hexdigest()


def test_another_content_is_not_kept(wanted):
    (wanted.parent / NAME).write_bytes(b"another")
    assert isinstance(fetch(wanted).exception, flash_image.ImageError)
    assert not (wanted.parent / "images" / NAME).exists()


def test_a_spoilt_cache_is_refused_then_mended(wanted):
    fetch(wanted)
    path = wanted.parent / "images" / NAME
    path.write_bytes(b"spoilt")
    with pytest.raises(flash_image.ImageError, match="is not the file"):
        flash_image.pinned(path)
    assert fetch(wanted).exception is None
    assert path.read_bytes() == b"an image"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image = 3", "needs"),
        ('[[image]]\nurl = "http://example.org/a.bin"\nsha256 = "00"', "only https"),
        ('[[image]]\nurl = "https://example.org/a.bin"\nsha256 = "00"', "64 hexadecimal"),
    ],
)
def test_a_wrong_list_says_what_it_takes(wanted, text, said):
    wanted.write_text(text)
    assert said in str(fetch(wanted).exception)
