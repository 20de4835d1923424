"""A part that hangs ends in a reset, which the node reports when it is back."""

import pytest

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "uart", "simulated_time")]

#: The rig's own start with one part that never comes back, and time-outs a test can wait for.
STUCK = """
import asyncio
from cobenefit_node import main
from cobenefit_node.{module} import {name}

async def stuck(*_):
    while True:
        await asyncio.sleep(1)

{name}.{method} = stuck
main.WATCHDOG_MS, main.STUCK_MS = 3000, 2000
import boot
"""


@pytest.mark.parametrize(
    ("module", "name", "method"),
    [("drivers.tic", "Tic", "read"), ("mqtt", "Client", "connect")],
    ids=["sampler", "link"],
)
@pytest.mark.parametrize("sleeps", [False, True], ids=["awake", "sleeping"])
def test_a_stuck_part_resets_the_board(  # noqa: PLR0917 fixtures
    board, node_config, ack_station, tmp_path, sleeps, module, name, method
):
    node_config["ring"] = {"segments": 3, "segment_bytes": 1024}  # soon half full: time waits
    board.flash(node_config)
    if sleeps:
        # A link that hangs is given up long after the watchdog would have had enough of it.
        sleep = {"wakes_per_send": 1, "give_up_ms": 60_000}
        board.flash(node_config | {"sleep": sleep})
    script = tmp_path / "stuck.py"
    script.write_text(STUCK.format(module=module, name=name, method=method))
    board.boot(script=script)
    assert board.wait(100) == -9, board.console()
    board.boot()
    told = "3"  # watchdog
    assert ack_station.wait(
        lambda: any(s.online and s.reset_cause == told for s in ack_station.states), 30
    ), board.console()
    assert ack_station.wait(lambda: bool(ack_station.packs), 60), board.console()
    assert ack_station.wait(lambda: bool(ack_station.healths), 60), board.console()
    assert ack_station.healths[-1].causes[2] == 1
