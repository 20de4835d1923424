"""Gives memory back on a board: a module that is rarely needed is loaded again when it is."""

import gc
import sys


def forget(*names: str, root: str = "cobenefit_node") -> None:
    """Drop modules of a package, by name; nothing happens on CPython."""
    if sys.implementation.name != "micropython":
        return
    package = sys.modules[root]
    for name in names:
        if sys.modules.pop(root + "." + name, None) is not None and hasattr(package, name):
            delattr(package, name)
    gc.collect()
