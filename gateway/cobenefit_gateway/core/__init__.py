"""The aggregation core: numpy in, numpy out; no I/O, no clock, no log."""
