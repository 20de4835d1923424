"""Files that hold secrets, or that must be there after a cut."""

import os
from pathlib import Path


def write_synced(path: Path, data: bytes, *, append: bool = False) -> None:
    """Write a file and wait until it is on the disk, its owner's alone.

    Parameters
    ----------
    path : Path
        Where.
    data : bytes
        What.
    append : bool
        Behind what stands there, instead of in its place.
    """
    how = os.O_APPEND if append else os.O_TRUNC
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
