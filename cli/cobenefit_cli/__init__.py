"""The cobenefit command: assembles each part's Typer app."""
