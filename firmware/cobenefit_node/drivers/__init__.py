"""Drivers: one file per sensor, bytes in, integer readings out."""
