"""RSA-2048 signatures, verified with three-argument `pow`: RFC 8017, section 8.2.2.

PKCS #1 v1.5 over SHA-256, public exponent 65537. The expected block is built whole and compared
whole, so no parser of padding can be fooled. Takes about 0.1 s on an ESP32 and allocates little
more than two numbers of the key's size.
"""

#: RFC 8017, section 9.2, note 1: DigestInfo of SHA-256.
_DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_BYTES = 256


def verify(modulus: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a signature over a SHA-256 digest was made by the key with this modulus."""
    if len(modulus) != _BYTES or len(signature) != _BYTES or len(digest) != 32:
        return False
    n = int.from_bytes(modulus, "big")
    number = int.from_bytes(signature, "big")
    if not modulus[0] & 0x80 or number >= n:
        return False
    padding = b"\xff" * (_BYTES - 3 - len(_DIGEST_INFO) - 32)
    expected = b"\x00\x01" + padding + b"\x00" + _DIGEST_INFO + digest
    return pow(number, 65_537, n).to_bytes(_BYTES, "big") == expected
