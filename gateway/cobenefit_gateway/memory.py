"""Memory of a process that makes thousands of objects with each batch and frees them again.

The allocator keeps what it is given back: the arrays of a batch come again with the next.

By default glibc returns every freed array above 128 kB to the kernel, which clears it anew, page
by page, for the next batch; that took a third of the intake's time.

Cycles are looked for seldom. Nothing on the way of a reading makes any, but Python looks after
each 700 new objects, and at times through all that 100,000 devices have.
"""

import ctypes
import gc

#: `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of mallopt(3), and what they are set to. [B]
_SETTINGS = {-1: 64 << 20, -3: 32 << 20}
#: Cycles are looked for when so many objects were made that are still there. [1]
_NEW_OBJECTS = 100_000


def keep_freed() -> bool:
    """Raise the sizes above which freed memory goes back to the kernel, for the whole process.

    Returns
    -------
    bool
        False where the C library has no such setting; then things are slower, not wrong.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = [mallopt(name, size) for name, size in _SETTINGS.items()]
    return all(done)


def collect_seldom() -> None:
    """Look for cycles of objects seldom, for the whole process."""
    gc.set_threshold(_NEW_OBJECTS, 10, 10)
