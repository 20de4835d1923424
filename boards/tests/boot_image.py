"""MicroPython: mount the image `vfs.bin` as a board does, and boot the node that is in it."""

import os
import sys

import vfs
from lfs_image import Image

rig = next(path for path in sys.path if path.endswith("virtual"))
vfs.mount(
    vfs.VfsLfs2(Image("vfs.bin"), progsize=int(os.getenv("COBENEFIT_PROGSIZE") or 32)), "/board"
)
os.chdir("/board")
sys.path[:] = ["/board", rig, ".frozen"]
import cobenefit_node  # noqa: E402

print("software from", cobenefit_node.__file__)
with open(rig + "/boot.py") as f:  # noqa: PTH123
    exec(f.read())
