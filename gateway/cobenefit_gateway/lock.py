"""One gateway per data folder: an advisory lock that ends with the process."""

import fcntl
import os
from pathlib import Path

from cobenefit_gateway.errors import StorageError


class FolderLock:
    """Holds a folder until released or until the process ends.

    Parameters
    ----------
    folder : Path
        The data folder; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            os.close(self._fd)
            raise StorageError(f"{folder}: another gateway works here; stop it first") from err

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._fd)
