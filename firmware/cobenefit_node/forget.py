"""Gives memory back on a board: a module that is rarely needed is loaded again when it is."""

import gc
import sys


def forget(*names: str) -> None:
    """Drop modules of the node, by name; nothing happens on CPython."""
    if sys.implementation.name != "micropython":
        return
    package = sys.modules["cobenefit_node"]
    for name in names:
        if sys.modules.pop("cobenefit_node." + name, None) is not None and hasattr(package, name):
            delattr(package, name)
    gc.collect()
