"""What `cobenefit ota` makes is what the node reads, and what it refuses to make."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from typer.testing import CliRunner

import cobenefit_node
from cobenefit_boards import ota
from cobenefit_boards.ota_commands import app, summary
from cobenefit_wire import messages, release

FIRMWARE = Path(cobenefit_node.__file__).parent.parent


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "fleet.pem"
    ota.make_key(path)
    return path


@pytest.fixture
def made(tmp_path, key):
    out = tmp_path / "release"
    ota.sign(FIRMWARE, key, 7, out, board="unix", confirm_s=90)
    return out


def test_a_release_holds_the_packages_whole_and_nothing_else(made):
    _, notice, chunks = ota.read(made)
    assert (notice.counter, notice.board, notice.confirm_s) == (7, "unix", 90)
    lines = (made / "index").read_text().splitlines()
    entries = [release.entry(line) for line in lines]
    assert {e.path.split("/")[0] for e in entries} == {"cobenefit_node", "cobenefit_wire"}
    assert "cobenefit_node/__init__.py" in {e.path for e in entries}
    expected = release.chunks(notice.index_bytes) + sum(release.chunks(e.size) for e in entries)
    assert len(chunks) == expected
    assert max(map(len, chunks)) == release.CHUNK_BYTES


def test_the_signature_is_one_that_another_implementation_accepts(made, key):
    signed, signature, _ = release.unseal((made / "notice").read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    private.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.with_suffix(".pub").read_bytes()) == release.KEY_BYTES


def test_a_file_changed_after_signing_is_not_published(made):
    path = made / "files/cobenefit_node/main.py"
    path.write_text(path.read_text() + "#")
    with pytest.raises(ota.OtaError, match=r"main\.py changed after it was signed"):
        ota.read(made)


def test_an_index_changed_after_signing_is_not_published(made):
    (made / "index").write_text((made / "index").read_text().replace(" 1", " 2", 1))
    with pytest.raises(ota.OtaError, match="not the one that was signed"):
        ota.read(made)


def test_what_must_not_be_overwritten_is_not(made, key, tmp_path):
    with pytest.raises(ota.OtaError, match="never overwritten"):
        ota.make_key(key)
    with pytest.raises(ota.OtaError, match="choose another folder"):
        ota.sign(FIRMWARE, key, 8, made)
    with pytest.raises(ota.OtaError, match="has no cobenefit_node"):
        ota.sign(tmp_path, key, 8, tmp_path / "other")


def test_a_path_that_a_node_would_refuse_is_not_signed(key, tmp_path):
    folder = tmp_path / "firmware"
    shutil.copytree(FIRMWARE / "cobenefit_node", folder / "cobenefit_node")
    (folder / "cobenefit_node/a b.py").write_text("")
    with pytest.raises(ota.OtaError, match=r"a b\.py"):
        ota.sign(folder, key, 8, tmp_path / "other")


def test_the_commands_make_key_and_release(tmp_path):
    run = CliRunner().invoke
    assert run(app, ["key", str(tmp_path / "k.pem")]).exit_code == 0
    args = ["sign", str(FIRMWARE), "--key", str(tmp_path / "k.pem"), "--counter", "3"]
    done = run(app, [*args, "--out", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    assert ota.read(tmp_path / "r")[1].counter == 3
    assert run(app, [*args[:-1], "0", "--out", str(tmp_path / "s")]).exit_code == 2


def test_the_summary_says_what_is_unknown():
    assert set(summary({}).values()) == {None}
    state = messages.encode(messages.State(True, 4, "0.2.0", "unix", "1", 0))
    result = messages.encode(messages.Result("update", 7, "refused", "wrong signature"))
    row = summary({"state": state, "cmd/result": result})
    assert (row["version"], row["outcome"], row["published"]) == ("0.2.0", "refused", None)
