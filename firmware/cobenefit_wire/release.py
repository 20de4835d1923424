"""A signed release of node software, as it stands on the broker under the leaf `ota`.

`ota` holds the notice, `ota/<counter>/<n>` the chunks, all retained: the broker is the file
server, and a node asks for one chunk at a time. The chunks are the index, then every file in the
index's order, each starting on a chunk of its own. A line of the index is
`<sha256 in hex> <size in bytes> <path>`.

notice  a CBOR array [body, signature]; the body is the CBOR map
        1 "update" · 2 counter · 3 board or "" for any · 4 size of the index [B] ·
        5 SHA-256 of the index · 6 time a trial boot has to be confirmed [s] ·
        7 the next public key, or null
"""

from collections import namedtuple

from cobenefit_wire import cbor
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any, const

CHUNK_BYTES = 1024
KEY_BYTES = 256
SUBJECT = "update"
_LARGEST_INDEX = const(16_384)
_LONGEST_TRIAL_S = const(86_400)
_PATH = const("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")

Notice = namedtuple(
    "Notice", ("subject", "counter", "board", "index_bytes", "index_sha256", "confirm_s", "key")
)
Entry = namedtuple("Entry", ("sha256", "size", "path"))


def chunks(size: int) -> int:
    """Return how many chunks hold a file of a size [B] -> [1]."""
    return (size + CHUNK_BYTES - 1) // CHUNK_BYTES


def body(notice: Notice) -> bytes:
    """Return the bytes that are signed."""
    return cbor.dumps(cbor.Pairs([(i + 1, x) for i, x in enumerate(notice)]))


def seal(signed: bytes, signature: bytes) -> bytes:
    """Return the payload of the topic `ota`."""
    return cbor.dumps([signed, signature])


def unseal(data: bytes) -> tuple[bytes, bytes, Notice]:
    """Return signed bytes, signature and notice, not yet verified; WireError when it is none."""
    parts: Any = cbor.loads(data)
    if not isinstance(parts, list) or [type(x) for x in parts] != [bytes, bytes]:
        raise WireError("notice", "must be [body, signature]")
    fields: Any = cbor.loads(parts[0])
    if not isinstance(fields, dict) or sorted(fields) != [1, 2, 3, 4, 5, 6, 7]:
        raise WireError("notice", "must have the fields 1 to 7")
    notice = Notice(*[fields[i] for i in range(1, 8)])
    if not _fits(notice):
        raise WireError("notice", "a field has the wrong type or range")
    return parts[0], parts[1], notice


def entry(line: str) -> Entry:
    """Return one line of the index; WireError for a bad one, or a path that leaves its folder."""
    parts = line.strip().split(" ")
    if len(parts) != 3 or len(parts[0]) != 64 or not all(c in "0123456789" for c in parts[1]):
        raise WireError("index", "a line must be: sha256 size path")
    path = parts[2]
    steps = path.split("/")
    if not all(c in _PATH for c in path) or "" in steps or "." in steps or ".." in steps:
        raise WireError("index", "bad path " + path)
    if not parts[1] or len(path) > 64:
        raise WireError("index", "no size, or a path of more than 64 characters")
    return Entry(parts[0], int(parts[1]), path)


def _fits(notice: Notice) -> bool:
    numbers = (notice.counter, notice.index_bytes, notice.confirm_s)
    if not all(isinstance(x, int) and x is not True and x >= 1 for x in numbers):
        return False
    if not isinstance(notice.index_sha256, bytes) or not isinstance(notice.board, str):
        return False
    key = notice.key
    return (
        notice.subject == SUBJECT
        and notice.index_bytes <= _LARGEST_INDEX
        and notice.confirm_s <= _LONGEST_TRIAL_S
        and len(notice.index_sha256) == 32
        and (key is None or (isinstance(key, bytes) and len(key) == KEY_BYTES))
    )
