"""The demonstration: recorded data, replayed through real nodes, ends in a report."""
