"""The node lives a day in the heap it was measured to need, so that additions can't burst it."""

import pytest

from cobenefit_hil.small_heap import Fleet, day
from cobenefit_hil.small_heap_asleep import night

pytestmark = [pytest.mark.hil, pytest.mark.broker, pytest.mark.needs("uart", "simulated_time")]
#: What `make bench` prints as node_heap_kb, and 2; docs/explanation/node-memory.md. [kB]
HEAP_KB = 96
#: Near its least, 102, it depends on the moment whether pieces are large enough. [kB]
ASLEEP_HEAP_KB = 108


@pytest.mark.timeout(600)
def test_three_drivers_tls_backlog_and_update_fit_the_heap(tmp_path, program):
    program("mpy-cross")
    program("mosquitto")
    assert day(Fleet(tmp_path), HEAP_KB) == ""


@pytest.mark.needs("deepsleep")
@pytest.mark.timeout(600)
def test_a_node_that_sleeps_carries_out_a_command_that_waited_for_it(tmp_path, program):
    program("mpy-cross")
    program("mosquitto")
    assert night(Fleet(tmp_path), ASLEEP_HEAP_KB) == ""
