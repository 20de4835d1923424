"""A raw pseudo-terminal with a stable name: the wire between a peer and a node."""

import errno
import os
import select
import termios
import tty
from pathlib import Path

POLL_MS = 200


class Line:
    """The peer's end of a serial line; the node opens `path`.

    Both ends are held open, so that the line survives a node that closes or restarts. Bytes that
    the kernel's buffer (4096) can't take are dropped and counted in `dropped_bytes`, as an
    unread UART would.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped_bytes = 0
        self._peer_fd, self._node_fd = os.openpty()
        tty.setraw(self._node_fd)
        os.set_blocking(self._peer_fd, False)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._node_fd))

    def fileno(self) -> int:
        """Return the peer's file descriptor, for `select`.

        Returns
        -------
        int
            File descriptor. [1]
        """
        return self._peer_fd

    def discard_unread(self) -> None:
        """Forget what the node has not read yet: a line carries the present, not the past."""
        termios.tcflush(self._node_fd, termios.TCIFLUSH)

    def write(self, data: bytes) -> None:
        """Send bytes to the node; never blocks.

        Parameters
        ----------
        data : bytes
            What the sensor says.
        """
        try:
            written = os.write(self._peer_fd, data)
        except BlockingIOError:
            written = 0
        self.dropped_bytes += len(data) - written

    def read(self) -> bytes:
        """Return what the node sent, waiting up to `POLL_MS`.

        Returns
        -------
        bytes
            At most 4096 bytes, empty when the node was silent.
        """
        if not select.select([self._peer_fd], [], [], POLL_MS / 1000)[0]:
            return b""
        try:
            return os.read(self._peer_fd, 4096)
        except OSError as error:
            if error.errno in {errno.EIO, errno.EAGAIN}:
                return b""
            raise

    def close(self) -> None:
        """Remove the name and hang up."""
        self.path.unlink(missing_ok=True)
        os.close(self._peer_fd)
        os.close(self._node_fd)
