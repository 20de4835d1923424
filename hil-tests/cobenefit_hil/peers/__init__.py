"""Sensor peers: real serial protocols on pseudo-terminals, with a ledger of what they served."""
