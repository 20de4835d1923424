"""Board files: one TOML per board, four readers."""
