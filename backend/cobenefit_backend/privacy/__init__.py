"""Statistical disclosure control: arrays in, verdicts out; no file, clock, log, database."""
