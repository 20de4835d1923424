"""The emission-factor registry: CSV rows with their sources."""
