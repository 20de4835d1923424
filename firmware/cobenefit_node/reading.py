"""What a driver hands to the sampler, and what the sampler stamps.

`value` is an integer; the reading is `value x 10^exponent` in the unit of the channel's quantity
(`cobenefit_wire/units.py`). `quality` is a code of `cobenefit_wire/quality.py`.

    >>> Value("energy_import_wh", 1234567, 0, 0).value
    1234567
"""

from collections import namedtuple

Value = namedtuple("Value", ("channel", "value", "exponent", "quality"))
Reading = namedtuple("Reading", ("channel", "t_ms", "value", "exponent", "quality"))
