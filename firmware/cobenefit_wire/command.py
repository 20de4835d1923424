"""What an operator asks of one node, under the leaf `cmd`; it answers under `cmd/result`.

payload  a CBOR array [body, signature]; the signature may be empty; the body is the CBOR map
         1 subject · 2 counter · 3 "<site>/<device>" · 4 time a trial has to be confirmed [s] ·
         5 content, bytes by subject:
             config       a JSON object, as `config.json`; without `broker` the node keeps its own
             certificate  the CBOR array [certificate, CA or "", IV, wrapped key]
             selftest     empty

The wrapped key is the private key, padded as by PKCS #7, in AES-256-CBC under the secret that the
node was given on the bench. Certificate, CA and key are DER.
"""

from collections import namedtuple

from cobenefit_wire import cbor
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

SUBJECTS = ("config", "certificate", "selftest")
SECRET_BYTES = 32
LARGEST_BYTES = 4096
_LONGEST_TRIAL_S = 86_400

Command = namedtuple("Command", ("subject", "counter", "device", "confirm_s", "content"))
Renewal = namedtuple("Renewal", ("certificate", "authority", "iv", "wrapped"))


def body(command: Command) -> bytes:
    """Return the bytes that are signed."""
    return cbor.dumps(cbor.Pairs([(i + 1, x) for i, x in enumerate(command)]))


def seal(signed: bytes, signature: bytes = b"") -> bytes:
    """Return the payload of the topic `cmd`."""
    return cbor.dumps([signed, signature])


def unseal(data: bytes) -> tuple[bytes, bytes, Command]:
    """Return body, signature and command, not yet verified; WireError when it is none."""
    if len(data) > LARGEST_BYTES:
        raise WireError("command", "longer than %d bytes" % LARGEST_BYTES)
    parts: Any = cbor.loads(data)
    if not isinstance(parts, list) or [type(x) for x in parts] != [bytes, bytes]:
        raise WireError("command", "must be [body, signature]")
    fields: Any = cbor.loads(parts[0])
    if not isinstance(fields, dict) or sorted(fields) != [1, 2, 3, 4, 5]:
        raise WireError("command", "must have the fields 1 to 5")
    command = Command(*[fields[i] for i in range(1, 6)])
    if not _fits(command):
        raise WireError("command", "a field has the wrong type or range")
    return parts[0], parts[1], command


def renewal(content: bytes) -> Renewal:
    """Return the content of a `certificate`; WireError when it is none."""
    parts: Any = cbor.loads(content)
    if not isinstance(parts, list) or [type(x) for x in parts] != [bytes] * 4:
        raise WireError("renewal", "must be [certificate, CA, IV, wrapped key]")
    found = Renewal(*parts)
    if len(found.iv) != 16 or not found.wrapped or len(found.wrapped) % 16:
        raise WireError("renewal", "IV and wrapped key come in blocks of 16 bytes")
    return found


def _fits(command: Command) -> bool:
    numbers = (command.counter, command.confirm_s)
    if not all(isinstance(x, int) and x is not True and x >= 1 for x in numbers):
        return False
    return (
        command.subject in SUBJECTS
        and isinstance(command.device, str)
        and isinstance(command.content, bytes)
        and command.confirm_s <= _LONGEST_TRIAL_S
    )
