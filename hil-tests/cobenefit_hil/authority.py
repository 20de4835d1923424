"""A certificate authority for the rigs, and a mosquitto that speaks TLS with its certificate."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cobenefit_hil.services import Service, free_port

NAME = "broker.rig"
PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("rig-ca"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(extension, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return a new authority.

    Returns
    -------
    tuple
        Its key and its own certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    constraint = x509.BasicConstraints(ca=True, path_length=None)
    return key, _certificate("rig-ca", key, key, constraint)


def tls_broker(directory: Path, program: str) -> tuple[Service, int, int]:
    """Return a mosquitto, not started, that is called `broker.rig`.

    Parameters
    ----------
    directory : Path
        Gets `ca.der`, the broker's certificate and key, and its log.
    program : str
        Path of mosquitto.

    Returns
    -------
    tuple
        The service, its plain port and its TLS port. [-]
    """
    ca_key, ca = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    server = _certificate(NAME, key, ca_key, names)
    (directory / "server.pem").write_bytes(server.public_bytes(PEM))
    (directory / "server.key").write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (directory / "ca.der").write_bytes(ca.public_bytes(serialization.Encoding.DER))
    plain, tls = free_port(), free_port()
    (directory / "mosquitto.conf").write_text(
        f"user root\nallow_anonymous true\nlistener {plain} 127.0.0.1\n"
        f"listener {tls} 127.0.0.1\n"
        f"certfile {directory}/server.pem\nkeyfile {directory}/server.key\n",
        encoding="utf-8",
    )
    command = [program, "-c", str(directory / "mosquitto.conf")]
    return Service("mosquitto", command, directory / "mosquitto.log", port=tls), plain, tls
