"""Gives memory back on a board: a module that is rarely needed is loaded again when it is."""

import gc
import sys


def forget(*names: str) -> None:
    """Drop modules by name, those of the node without its prefix; nothing happens on CPython."""
    if sys.implementation.name != "micropython":
        return
    for name in names:
        module = name if name.startswith("cobenefit_wire.") else "cobenefit_node." + name
        package, _, leaf = module.rpartition(".")
        if sys.modules.pop(module, None) is not None and hasattr(sys.modules[package], leaf):
            delattr(sys.modules[package], leaf)
    gc.collect()
