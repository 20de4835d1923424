"""Published versions of a report: kept as they were, found again, compared."""
