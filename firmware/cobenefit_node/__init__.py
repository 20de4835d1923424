"""The node application: board, drivers, sampler, ring, uplink."""
