"""Our gateway as it is installed: journal synced before PUBACK, quality, copies, pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cobenefit_gateway.spool import Spool
from peers.feed import Feed, Row, compare, publish
from peers.process import Cost, broker, watched


def run(feed: Feed, folder: Path) -> Cost:
    """Take a feed through the real process; raise ValueError when what comes out is wrong."""
    with broker(folder) as mqtt:
        file = folder / "gateway.toml"
        file.write_text(
            f'tenant = "bench"\n[broker]\nport = {mqtt.port}\n[backend]\nurl = ""\n',
        )
        command = [sys.executable, "-m", "cobenefit_gateway", "run", str(file)]
        with watched([*command, "--until-idle", "4"], folder, "gateway") as gateway:
            mqtt.wait_for_subscriber("cb/v1/")
            before = gateway.cpu_s()
            publish(mqtt.port, feed.messages)
            cost = gateway.ended(300)
    compare("gateway", feed.rows, rows(folder / "gateway-data/gateway.db"))
    return Cost(cost.cpu_s - before, cost.rss_mb)


def rows(database: Path) -> dict[tuple[str, int], Row]:
    """Return the rollups in the pages: the highest revision of each day."""
    found: dict[tuple[str, int], tuple[int, Row]] = {}
    spool = Spool(database)
    while (page := spool.next_page()) is not None:
        body = json.loads(page.rollups)
        for i, series in enumerate(body["series_id"]):
            key = body["series"][series][1], body["start_ms"][i] // 1000
            row = Row(body["count"][i], round(body["delta"][i]))
            found[key] = max(found.get(key, (0, row)), (body["revision"][i], row))
        spool.delete(page.number)
    spool.close()
    return {key: row for key, (_, row) in found.items()}
