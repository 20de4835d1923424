"""A board without a board: MicroPython, a simulated `machine`, simulated time."""
