"""The node application: board, drivers, sampler, ring, uplink."""

VERSION = "0.1.0"
