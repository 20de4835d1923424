"""The product around the nodes: broker, backend and gateway as real processes on loopback."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from cobenefit_hil.demo import data
from cobenefit_hil.demo.nodes import NODES
from cobenefit_hil.services import Service, ServiceError, broker_command, free_port

TENANT = "demo"
STUDY = Path(__file__).parent / "study.toml"
AREAS = data.DATA / "areas.geojson"
STATION = "724390"
DRAIN_S = 120.0
START_S = 180.0
_GATEWAY_CONFIG = """\
tenant = "{tenant}"
data_dir = "gateway-data"

[broker]
host = "127.0.0.1"
port = {broker}

[backend]
url = "http://127.0.0.1:{backend}"
drain_s = {drain}
"""
_CHANNEL = """
[[channel]]
site = "{site}"
device = "{device}"
period_s = {period}
"""
_SITE = """
[[site]]
id = "{site}"
timezone = "{timezone}"
"""


class Stack:
    """Broker, backend and gateway, each with a log in `workdir`.

    Parameters
    ----------
    workdir : Path
        An empty directory for their files.
    timezones : mapping
        Time zone by site.
    """

    def __init__(self, workdir: Path, timezones: Mapping[str, str]) -> None:
        self.workdir = workdir
        self.broker_port, self.backend_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.backend_port}"
        self.report_config = workdir / "backend.toml"
        self.report_config.write_text(
            f'[database]\nurl = "sqlite:///{workdir / "backend.sqlite3"}"\n'
            f'[server]\nport = {self.backend_port}\n[pages]\ntenant = "{TENANT}"\n'
        )
        self.gateway_config = workdir / "gateway.toml"
        self.gateway_config.write_text(self._gateway_toml(timezones))
        self.key = ""
        self.broker = Service(
            "broker",
            broker_command(self.broker_port, workdir),
            workdir / "broker.log",
            port=self.broker_port,
        )
        self.backend = Service(
            "backend",
            [*_module("cobenefit_backend"), "serve", "--config", str(self.report_config)],
            workdir / "backend.log",
            port=self.backend_port,
        )
        self.gateway: Service | None = None

    def _gateway_toml(self, timezones: Mapping[str, str]) -> str:
        text = _GATEWAY_CONFIG.format(
            tenant=TENANT, broker=self.broker_port, backend=self.backend_port, drain=DRAIN_S
        )
        sites = [_SITE.format(site=site, timezone=zone) for site, zone in timezones.items()]
        channels = [
            _CHANNEL.format(site=node.site, device=node.device, period=node.period_s)
            for node in NODES
        ]
        return text + "".join((*sites, *channels))

    def start(self) -> None:
        """Start all three; the backend gets its study, weather and activities first.

        Raises
        ------
        ServiceError
            If one of them does not start; the message shows the end of its log.
        """
        self.broker.start()
        self.key = self._new_key("gateway")
        self.backend.start()
        self._feed()
        self.gateway = Service(
            "gateway",
            [*_module("cobenefit_gateway"), "run", str(self.gateway_config), "--verbose"],
            self.workdir / "gateway.log",
            env={"COBENEFIT_GATEWAY_KEY": self.key},
        )
        self.gateway.start()
        self._wait_for_gateway()

    def drain(self) -> None:
        """Stop the gateway once everything it holds is durable at the backend.

        Raises
        ------
        ServiceError
            If something was left in its spool.
        """
        if self.gateway is not None:
            code = self.gateway.stop(DRAIN_S + 30)
            if code != 0:
                raise ServiceError(f"gateway ended with {code}:\n{self.gateway.tail()}")

    def stop(self) -> None:
        """Stop whatever still runs."""
        for service in (self.gateway, self.backend, self.broker):
            if service is not None:
                service.stop(10.0)

    def check(self) -> None:
        """Notice a service that died.

        Raises
        ------
        ServiceError
            With the end of its log.
        """
        for service in (self.broker, self.backend, self.gateway):
            if service is not None and not service.running():
                raise ServiceError(f"{service.name} died:\n{service.tail()}")

    def report(self, html: Path, json_path: Path) -> dict[str, Any]:
        """Write the report in both languages and as JSON, and return it.

        Parameters
        ----------
        html : Path
            File of the page.
        json_path : Path
            File of the same as JSON.

        Returns
        -------
        dict
            The report.
        """
        command = [
            *_module("cobenefit_backend"), "report", "--config", str(self.report_config),
            "--tenant", TENANT, "--out-html", str(html), "--out-json", str(json_path),
            "--lang", "both",
        ]  # fmt: skip
        _run(command)
        report: dict[str, Any] = json.loads(json_path.read_text(encoding="utf-8"))
        return report

    def secret(self) -> str:
        """Return a secret with which someone signs in as administrator, once."""
        command = [*_module("cobenefit_backend"), "login", TENANT]
        return _run([*command, "--config", str(self.report_config)])

    def _wait_for_gateway(self) -> None:
        """Wait until it has subscribed: a broker keeps nothing for a stranger's first time."""
        deadline_s = time.monotonic() + START_S
        while self.gateway is not None and "subscribed at broker" not in self.gateway.tail():
            self.check()
            if time.monotonic() > deadline_s:
                raise ServiceError(f"gateway found no broker:\n{self.gateway.tail()}")
            time.sleep(0.05)

    def _new_key(self, role: str) -> str:
        options = ["--role", role, "--quiet", "--config", str(self.report_config)]
        return _run([*_module("cobenefit_backend"), "key", "create", TENANT, *options])

    def _feed(self) -> None:
        import tomllib

        headers = {"Authorization": f"Bearer {self._new_key('officer')}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            _post(client, "/v1/studies", tomllib.loads(STUDY.read_text(encoding="utf-8")))
            _post(client, "/v1/areas", json.loads(AREAS.read_text(encoding="utf-8")))
            _post(client, "/v1/weather", _weather())
            _post(client, "/v1/activities", {"tenant": TENANT, "rows": list(_activities())})


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"{' '.join(command[2:4])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _post(client: httpx.Client, path: str, body: Mapping[str, Any]) -> None:
    answer = client.post(path, json=body)
    if answer.status_code != httpx.codes.ACCEPTED:
        raise ServiceError(f"backend refused {path}: {answer.status_code} {answer.text[:500]}")


def _weather() -> dict[str, Any]:
    series = data.station_temperature()
    scale = 10.0**series.exponent
    return {
        "tenant": TENANT,
        "station": STATION,
        "source": "Sample il-tempF of OpenEEmeter (station USAF 724390)",
        "licence": "Apache-2.0",
        "t_ms": series.t_ms.tolist(),
        "temperature_degc": [value * scale for value in series.value.tolist()],
    }


def _activities() -> Iterable[dict[str, Any]]:
    for row in data.nitrogen_log():
        spread = row.activity == "spread"
        place = f"replicate {row.replicate}"
        kind = "nitrogen" if spread else "yield"
        yield {
            "id": f"{row.date} {kind} {place} {row.arm}",
            "site": "field",
            "use_case": "soil",
            "date": row.date,
            "place": place,
            "quantity": kind,
            "amount": row.nitrogen_kg_per_ha if spread else row.yield_t_per_ha,
            "unit": "kg/ha" if spread else "t/ha",
            "arm": row.arm,
            "evidence": row.evidence,
            "author": row.author,
        }
