"""thingsboard-gateway from the package index: it converts and forwards; it does not aggregate.

A broker plays ThingsBoard; the rows are computed from what it was sent, outside the measurement.
Storage in memory, rate limits off, errors logged only: its fastest documented settings. Its JSON
converter knows no SenML, so it runs on single readings alone.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from peers.feed import CHANNEL, DAY_S, SITE, Feed, Row, compare, publish
from peers.process import Cost, broker, wait, watched

_LIMITS = ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits",
           "deviceRateLimits", "deviceDpRateLimits")  # fmt: skip


def version(python: Path) -> str:
    """Return the version installed beside an interpreter."""
    code = "import importlib.metadata as m; print(m.version('thingsboard-gateway'))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def run(feed: Feed, folder: Path, python: Path) -> Cost:
    """Take a feed through it; raise ValueError when what it forwarded is wrong."""
    with broker(folder) as mqtt, broker(folder, "thingsboard") as cloud:
        platform = _Platform(cloud.port)
        _configure(folder, mqtt.port, cloud.port)
        command = [
            str(python),
            "-c",
            "from thingsboard_gateway.tb_gateway import daemon; daemon()",
        ]
        env = {"TB_GW_CONFIG_DIR": str(folder), "TB_GW_LOGS_PATH": str(folder)}
        with watched(command, folder, "gateway", env) as process:
            mqtt.wait_for_subscriber(f"cb/v1/{SITE}")
            time.sleep(2)  # its connector logs in before it is ready to forward
            before = process.cpu_s()
            publish(mqtt.port, feed.messages)
            wait(
                lambda: platform.readings >= feed.readings,
                300,
                f"thingsboard-gateway: {platform.readings} of {feed.readings}\n{process.tail()}",
            )
            cost = Cost(process.cpu_s() - before, process.rss_mb())
        platform.close()
    compare("thingsboard-gateway", feed.rows, platform.rows())
    return cost


class _Platform:
    """What ThingsBoard would receive; answers the one question a gateway asks at its start."""

    def __init__(self, port: int) -> None:
        self.readings = 0
        self._values: dict[str, list[tuple[int, int]]] = {}
        self._lock = threading.Lock()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="platform")
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("v1/gateway/telemetry", 1), ("v1/devices/me/rpc/request/+", 1)])
        self._client.loop_start()

    def _take(self, client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        body: Any = json.loads(message.payload)
        if message.topic.startswith("v1/devices/me/rpc/request/"):
            number = message.topic.rpartition("/")[2]
            client.publish(f"v1/devices/me/rpc/response/{number}", "{}", 1)
            return
        with self._lock:
            for device, entries in body.items():
                found = [e.get("values", e) for e in entries]
                texts = [e[CHANNEL].split() for e in found]
                self._values.setdefault(device, []).extend((int(t), int(v)) for t, v in texts)
                self.readings += len(found)

    def rows(self) -> dict[tuple[str, int], Row]:
        """Return counts and increases of what arrived."""
        rows: dict[tuple[str, int], Row] = {}
        for device, values in self._values.items():
            last = None
            for t, value in sorted(values):
                old = rows.get((device, t - t % DAY_S), Row(0, 0))
                rise = value - last if last is not None else 0
                rows[device, t - t % DAY_S] = Row(old.count + 1, old.delta + rise)
                last = value
        return rows

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def _configure(folder: Path, port: int, platform_port: int) -> None:
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1", "port": platform_port, "remoteShell": False,
            "remoteConfiguration": False, "statistics": {"enable": False}, "qos": 1,
            "minPackSendDelayMS": 0, "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "security": {"type": "accessToken", "accessToken": "bench"},
            **dict.fromkeys(_LIMITS, "0:0,"),
        },
        "storage": {"type": "memory", "read_records_count": 1000, "max_records_count": 1_000_000},
        "connectors": [{"name": "bench", "type": "mqtt", "configuration": "mqtt.json"}],
    }  # fmt: skip
    converter = {
        "type": "json",
        "deviceInfo": {
            "deviceNameExpressionSource": "topic",
            "deviceNameExpression": f"(?<=cb/v1/{SITE}/)(.*?)(?=/senml)",
            "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "meter",
        },
        "sendDataOnlyOnChange": False, "timeout": 60_000, "attributes": [],
        # One text of time and value: its own time stamps are those of the arrival.
        "timeseries": [{"type": "string", "key": CHANNEL, "value": "${t} ${v}"}],
    }  # fmt: skip
    connector = {
        "broker": {"host": "127.0.0.1", "port": port, "clientId": "bench", "version": 4,
                   "security": {"type": "anonymous"}, "maxMessageNumberPerWorker": 10,
                   "maxNumberOfWorkers": 4},
        "mapping": [{"topicFilter": f"cb/v1/{SITE}/+/senml", "subscriptionQos": 1,
                     "converter": converter}],
    }  # fmt: skip
    handler = {"class": "logging.StreamHandler", "level": "ERROR"}
    logs = {"version": 1, "disable_existing_loggers": False, "handlers": {"console": handler},
            "root": {"level": "ERROR", "handlers": ["console"]}, "loggers": {}}  # fmt: skip
    for name, body in (("tb_gateway", gateway), ("mqtt", connector), ("logs", logs)):
        (folder / f"{name}.json").write_text(json.dumps(body))
