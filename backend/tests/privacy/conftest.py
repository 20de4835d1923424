"""A town of twelve homes on a real database, every one of which agreed to be published."""

import json
import random
from datetime import date, timedelta

import pytest

HOMES = 12
CHANNEL = "energy_import_wh"
SECRETS = ["secret-site", *(f"secret-m{n}" for n in range(HOMES)), "secret-home", "paper 17"]


def town_document(homes: int = HOMES) -> dict:
    return {
        "tenant": "demo",
        "names": {"en": "Demo town", "fr": "Ville de démonstration"},
        "site": [{"id": "secret-site", "timezone": "Europe/Paris"}],
        "device": [
            {
                "id": f"secret-m{n}", "site": "secret-site", "board": "unix",
                "lifetime_years": 5, "household": f"secret-home{n}",
            }
            for n in range(homes)
        ],
        "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": homes},
        "study": [
            {
                "id": "homes", "use_case": "smart_meter", "data_origin": "measured",
                "site": "secret-site", "devices": [f"secret-m{n}" for n in range(homes)],
                "channel": CHANNEL, "baseline": ["2023-01-01", "2023-04-01"],
                "reporting": ["2024-01-01", "2024-04-01"],
                "names": {"en": "The homes", "fr": "Les logements"},
            }
        ],
    }  # fmt: skip


def _rows(counter_row, largest):
    rng = random.Random(3)
    for n in range(HOMES):
        usual = largest if n == 0 else 10_000
        for first in (date(2023, 1, 1), date(2024, 1, 1)):
            cut = 0.8 if first.year == 2024 else 1.0
            register = 0.0
            for offset in range(91):
                amount = round(usual * cut * rng.uniform(0.9, 1.1))
                yield n, counter_row(first + timedelta(days=offset), register, amount)
                register += amount


@pytest.fixture
def consent(client):
    """Record a consent of every home, or of one."""

    def record(action="grant", device="", purposes=("savings", "publication"), t_ms=0):
        rows = [
            {
                "site": "secret-site", "device": device, "purpose": purpose, "action": action,
                "t_ms": t_ms, "evidence": "paper 17",
            }
            for purpose in purposes
        ]  # fmt: skip
        answer = client.post("/v1/consents", json={"tenant": "demo", "rows": rows})
        assert answer.status_code == 200, answer.text

    return record


@pytest.fixture
def town_of(client, consent, counter_row, page_body):
    """Fill the backend; the first home uses `largest` Wh a day, the others 10 kWh."""

    def fill(largest=10_000):
        assert client.post("/v1/studies", content=json.dumps(town_document())).status_code == 202
        series = [["secret-site", f"secret-m{n}", CHANNEL] for n in range(HOMES)]
        page = page_body(series, list(_rows(counter_row, largest)))
        assert client.post("/v1/rollups", content=page).status_code == 202
        consent()
        return client

    return fill


@pytest.fixture
def town(town_of):
    return town_of()


@pytest.fixture
def act(client):
    """Do something with the public page."""

    def do(action):
        return client.post("/v1/public", json={"tenant": "demo", "action": action})

    return do
