"""Ask the allocator to keep what it is given back: the arrays of a batch come again with the next.

By default glibc returns every freed array above 128 kB to the kernel, which clears it anew, page
by page, for the next batch; that took a third of the intake's time.
"""

import ctypes

#: `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of mallopt(3), and what they are set to. [B]
_SETTINGS = {-1: 64 << 20, -3: 32 << 20}


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
