"""OGC SensorThings API 1.1, read only: a thin mapping from series and rollups to its entities."""
