"""Node-RED from npm: one function node that computes the same ten statistics per day.

No journal, no de-duplication, no quality: a hand-written flow rarely has them. Its rows leave
through MQTT when the feed is over.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import paho.mqtt.client as paho

from peers.feed import Feed, Message, Row, compare, publish
from peers.process import Cost, NotRunError, broker, wait, watched

FUNCTION = Path(__file__).with_name("nodered_function.js")
_SETTINGS = """module.exports = {
  flowFile: "flows.json", uiPort: 0, uiHost: "127.0.0.1", httpAdminRoot: false,
  httpNodeRoot: false, credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "warn", metrics: false, audit: false } },
};
"""


def install(home: Path) -> str:
    """Install it below `home` once; return its version. NotRunError where it can't be had."""
    if not shutil.which("npm"):
        raise NotRunError("npm is not installed")
    package = home / "node_modules/node-red/package.json"
    if not package.exists():
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(home), "node-red"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise NotRunError(f"npm could not install node-red: {done.stderr.strip()[-200:]}")
    version: str = json.loads(package.read_text(encoding="utf-8"))["version"]
    return version


def run(feed: Feed, folder: Path, home: Path) -> Cost:
    """Take a feed through it; raise ValueError when what comes out is wrong."""
    results: list[bytes] = []
    with broker(folder) as mqtt:
        (folder / "settings.js").write_text(_SETTINGS)
        (folder / "flows.json").write_text(json.dumps(_flow(mqtt.port)))
        client = _listen(mqtt.port, results)
        red = str(home / "node_modules/node-red/red.js")
        command = [
            "node",
            red,
            "--userDir",
            str(folder),
            "--settings",
            str(folder / "settings.js"),
        ]
        with watched(command, folder, "nodered") as process:
            mqtt.wait_for_subscriber("cb/#")
            before = process.cpu_s()
            publish(mqtt.port, feed.messages)
            publish(mqtt.port, [Message("cb/flush", b"0")])
            wait(lambda: bool(results), 300, f"Node-RED's rows\n{process.tail()}")
            cost = Cost(process.cpu_s() - before, process.rss_mb())
        client.disconnect()
        client.loop_stop()
    rows = {(d, day): Row(count, delta) for d, day, count, delta in json.loads(results[0])}
    compare("Node-RED", feed.rows, rows)
    return cost


def _listen(port: int, results: list[bytes]) -> paho.Client:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="rows")
    client.on_message = lambda _c, _u, m: results.append(m.payload)
    client.connect("127.0.0.1", port)
    client.subscribe("peer/rows", 1)
    client.loop_start()
    return client


def _flow(port: int) -> list[dict[str, object]]:
    return [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "mqtt", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port),
         "clientid": "nodered", "autoConnect": True, "protocolVersion": "4", "keepalive": "60",
         "cleansession": True},
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": "cb/#", "qos": "1",
         "datatype": "json", "broker": "mqtt", "inputs": 0, "wires": [["roll"]]},
        {"id": "roll", "type": "function", "z": "tab", "outputs": 1, "timeout": 0,
         "func": FUNCTION.read_text(encoding="utf-8"), "wires": [["out"]]},
        {"id": "out", "type": "mqtt out", "z": "tab", "topic": "peer/rows", "qos": "1",
         "broker": "mqtt", "wires": []},
    ]  # fmt: skip
