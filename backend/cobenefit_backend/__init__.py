"""The backend: ingest, store, estimate, report."""
