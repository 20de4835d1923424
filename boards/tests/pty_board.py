"""MicroPython: what a board with a console runs at power on, `-i`, so that a prompt follows.

With `vfs.bin` in its folder the file system of a Pico is mounted, as MicroPython's
ports/rp2/modules/_boot.py does; else the folder itself is the flash. With `run` there, too, it
is busy until Ctrl-C, as a node is.
"""

import os
import sys

if "vfs.bin" in os.listdir("."):  # noqa: PTH208
    import vfs
    from lfs_image import Image

    rig = next(path for path in sys.path if path.endswith("virtual"))
    vfs.mount(vfs.VfsLfs2(Image("vfs.bin"), progsize=256), "/board")
    os.chdir("/board")
    sys.path[:] = ["/board", rig, ".frozen"]
if os.getenv("COBENEFIT_RUN") and os.getenv("COBENEFIT_MAIN"):
    with open(os.getenv("COBENEFIT_MAIN")) as file:  # noqa: PTH123
        exec(file.read())
if os.getenv("COBENEFIT_RUN"):
    import time

    while True:
        print(1700000400000, "boot 1, 0 packs waiting")
        time.sleep_ms(100)
