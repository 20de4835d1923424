"""What a laptop may sign: these nodes, so many, so long, and what the office needs to end it."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from typer.testing import CliRunner

from cobenefit_boards import authority, batch_authority, provision, revocation
from cobenefit_boards.authority import AuthorityError
from cobenefit_boards.commands import boards as app

NODES = [f"lille-01/meter-{n}" for n in range(3)]


@pytest.fixture
def fleet(tmp_path):
    authority.create(tmp_path / "fleet")
    return tmp_path / "fleet"


def laptop(fleet, certificates=4, days=7.0, valid_days=365):
    folder = fleet.parent / "laptop"
    batch_authority.create(fleet, folder, NODES, certificates, days, valid_days)
    return folder


def test_it_signs_for_its_nodes_and_stands_below_the_operators(fleet):
    folder = laptop(fleet)
    made = batch_authority.issue(folder, NODES[0], 30).certificate
    above, root = authority.load(folder).certificate, authority.load(fleet).certificate
    made.verify_directly_issued_by(above)
    above.verify_directly_issued_by(root)
    find = above.extensions.get_extension_for_class
    basic, names = find(x509.BasicConstraints), find(x509.NameConstraints)
    assert basic.critical
    assert basic.value.path_length == 0
    assert names.critical
    assert [name.value for name in names.value.permitted_subtrees] == [
        authority.common_name(name) for name in NODES
    ]
    assert (folder / "ca.der").read_bytes() == (fleet / "ca.der").read_bytes()
    assert not (folder / "fleet.secret").exists()
    for name in NODES:
        secret = authority.device_secret(fleet, name)
        assert batch_authority.device_secret(folder, name) == secret


def test_it_signs_so_many_and_no_more(fleet):
    folder = laptop(fleet, certificates=4)
    for name in [*NODES, NODES[0]]:
        batch_authority.issue(folder, name, 30)
    with pytest.raises(AuthorityError, match=r"has signed 4 of 4 certificates: make one in the"):
        batch_authority.issue(folder, NODES[0], 30)
    assert len((folder / "issued.txt").read_text().splitlines()) == 4


def test_it_signs_so_long_and_no_longer(fleet):
    folder = laptop(fleet, days=1e-9)
    with pytest.raises(AuthorityError, match=r"may sign until .* UTC, and it is"):
        batch_authority.issue(folder, NODES[0], 30)
    assert (folder / "issued.txt").read_text() == ""


def test_what_it_signs_does_not_outlive_it(fleet):
    folder = laptop(fleet, days=7, valid_days=30)
    with pytest.raises(AuthorityError, match=r"ends on .*: give fewer days"):
        batch_authority.issue(folder, NODES[0], 60)
    made = batch_authority.issue(folder, NODES[0], 30).certificate
    above = authority.load(folder).certificate
    assert made.not_valid_after_utc <= above.not_valid_after_utc
    left = above.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=36) < left < dt.timedelta(days=38)


def test_it_refuses_other_nodes_and_the_operators_own_key(fleet):
    folder = laptop(fleet)
    with pytest.raises(AuthorityError, match="is not for lille-01/meter-9"):
        batch_authority.issue(folder, "lille-01/meter-9", 30)
    with pytest.raises(AuthorityError, match="operator's own key signs no node"):
        batch_authority.issue(fleet, NODES[0], 30)
    with pytest.raises(AuthorityError, match="is there already"):
        laptop(fleet)


def test_an_older_authority_says_that_it_can_have_none_below(fleet, tmp_path):
    root = authority.load(fleet)
    name = root.certificate.subject
    valid = (root.certificate.not_valid_before_utc, root.certificate.not_valid_after_utc)
    older = (
        authority.builder(name, name, root.key.public_key(), valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    (fleet / "ca.pem").write_bytes(authority.Identity(older, root.key).pem()[0])
    with pytest.raises(AuthorityError, match="was made to sign nodes only"):
        laptop(fleet)


def test_the_office_ends_a_batch_with_its_own_copy(fleet):
    def trusted():
        text = (fleet / "broker.pem").read_bytes()
        return [one.subject for one in x509.load_pem_x509_certificates(text)]

    folder = laptop(fleet)
    root, batch = (authority.load(f).certificate.subject for f in (fleet, folder))
    assert revocation.revoke(fleet, []).count(b"BEGIN X509 CRL") == 2
    assert trusted() == [root, batch]
    [kept] = fleet.glob("batches/*/ca.pem")
    assert revocation.revoke(fleet, [kept.read_bytes()]).count(b"BEGIN X509 CRL") == 1
    assert trusted() == [root]
    assert revocation.revoke(fleet, []).count(b"BEGIN X509 CRL") == 1


def test_the_command_counts_the_batch_and_says_what_to_do(fleet, tmp_path):
    (tmp_path / "n.json").write_text("{}")
    rows = [f"{name.replace('/', ',')},unix,n.json" for name in NODES]
    (tmp_path / "batch.csv").write_text("\n".join(["site,device,board,config", *rows]))
    words = ["authority", "--batch", tmp_path / "batch.csv", "--authority", fleet, "--out",
             tmp_path / "laptop"]  # fmt: skip
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "3 nodes, 4 certificates, 14 days" in done.output
    assert len(provision.read_batch(tmp_path / "batch.csv")) == 3
    assert (fleet / "crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    [kept] = fleet.glob("batches/*/ca.pem")
    assert f"cobenefit node revoke {kept} --authority {fleet}" in done.output
