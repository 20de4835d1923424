import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cobenefit_gateway.certificates import expiries, not_after_ms

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def day(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


def certificate(ends):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node " * 12)])
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(day(2020, 1, 1)).not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )  # fmt: skip


@pytest.mark.parametrize("year", [2027, 2049, 2050, 2099])  # UTCTime ends with 2049
@pytest.mark.parametrize("encoding", [PEM, DER], ids=["pem", "der"])
def test_the_end_is_read_as_another_library_reads_it(year, encoding):
    made = certificate(day(year, 3, 4, 5, 6, 7))
    expected = round(made.not_valid_after_utc.timestamp() * 1000)
    assert not_after_ms(made.public_bytes(encoding)) == expected


def test_what_is_no_certificate_is_refused():
    data = certificate(day(2030, 1, 1)).public_bytes(DER)
    for rubbish in (b"", b"x", data[:20], data[:150], b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(ValueError, match="no X"):
            not_after_ms(rubbish)


def test_patterns_and_missing_files(tmp_path):
    (tmp_path / "devices").mkdir()
    made = certificate(day(2030, 1, 1))
    (tmp_path / "devices/a.crt").write_bytes(made.public_bytes(PEM))
    (tmp_path / "devices/b.crt").write_text("nothing")
    found = expiries(["devices/*.crt", str(tmp_path / "gone.pem")], tmp_path)
    assert [bool(ends) for ends in found.values()] == [True, False, False]
    assert str(tmp_path / "gone.pem") in found
