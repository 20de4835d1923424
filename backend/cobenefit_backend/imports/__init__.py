"""Measurements from files: read, screen, preview, commit, undo; see docs/reference/imports.md."""
