"""Push net effects to Territoires en Transitions, as the community's own indicators.

Values go to `POST /api/v1/indicateurs/valeurs` with a token of the client-credentials flow (RFC
6749, 4.4). What the platform defines itself are totals of a territory: an avoided emission is a
difference, so such an indicator is refused before anything is sent. Public source of the API:
incubateur-ademe/territoires-en-transitions, apps/backend, 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cobenefit_backend.errors import InputError
from cobenefit_backend.report.records import Case, Report

BASE = "https://api.territoiresentransitions.fr/api/v1"
TIMEOUT_S = 30.0
KG_PER_T = 1000.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who pushes.

    Parameters
    ----------
    collectivity : int
        Number of the community on the platform.
    client_id, client_secret : str
        What the platform gave; the secret is never printed.
    base : str, optional
        Address of the API.
    """

    collectivity: int
    client_id: str
    client_secret: str
    base: str = BASE

    def __repr__(self) -> str:
        """Return the account without its secret."""
        return f"Account({self.collectivity}, {self.client_id!r}, base={self.base!r})"


def values(
    report: Report, indicators: Mapping[str, int], collectivity: int
) -> list[dict[str, Any]]:
    """Return the values of the studies that may be claimed, in the shape of the platform.

    Parameters
    ----------
    report : Report
        The report.
    indicators : mapping
        Number of the community's own indicator by study.
    collectivity : int
        Number of the community. [1]

    Returns
    -------
    list of dict
        `collectiviteId`, `indicateurId`, `dateValeur`, `resultat` [tCO2e], `resultatCommentaire`.

    Raises
    ------
    InputError
        An unknown study, or one that claims nothing (class P or N, modelled, a test).
    """
    cases = {case.study: case for case in report.cases}
    found = []
    for study, indicator in indicators.items():
        case = cases.get(study)
        if case is None:
            raise InputError(f"no study {study!r}, known: {', '.join(cases)}")
        if not case.counts:
            raise InputError(
                f"{study}: class {case.estimate.evidence_class}, {case.estimate.data_origin}: "
                "nothing is claimed, so nothing is pushed"
            )
        found.append(_value(case, report, indicator, collectivity))
    return found


def _value(case: Case, report: Report, indicator: int, collectivity: int) -> dict[str, Any]:
    net = case.estimate.net_kgco2e
    if net is None:
        raise InputError(f"{case.study} has no net effect")
    return {
        "collectiviteId": collectivity,
        "indicateurId": indicator,
        "dateValeur": f"{case.period[0][:4]}-01-01",
        "resultat": round(net.central / KG_PER_T, 6),
        "resultatCommentaire": _comment(case, report, net.low, net.high),
    }


def _comment(case: Case, report: Report, low_kgco2e: float, high_kgco2e: float) -> str:
    made_from = report.generated_from
    return (
        f"{case.titles['fr']}, du {case.period[0]} au {case.period[1]} (exclu) : effet net évité, "
        f"fourchette à 90 % de {low_kgco2e / KG_PER_T:.3g} à {high_kgco2e / KG_PER_T:.3g} tCO2e, "
        f"classe {case.estimate.evidence_class}. Écart à une référence, à ne pas ajouter à un "
        f"total territorial. Cobenefit {made_from['code_version']}, données "
        f"{made_from['data_sha256'][:16]}."
    )


def push(account: Account, found: list[dict[str, Any]]) -> int:
    """Send values; the platform replaces the one of the same indicator and year.

    Parameters
    ----------
    account : Account
        Who pushes.
    found : list of dict
        From `values`.

    Returns
    -------
    int
        How many the platform says it has stored. [1]

    Raises
    ------
    InputError
        An indicator is the platform's own, or the platform refuses; nothing is half sent.
    """
    try:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            client.headers["Authorization"] = f"Bearer {_token(client, account)}"
            _refuse_totals(client, account, {value["indicateurId"] for value in found})
            answer = client.post(f"{account.base}/indicateurs/valeurs", json={"valeurs": found})
            answer.raise_for_status()
            return len(answer.json()["valeurs"])
    except httpx.HTTPStatusError as error:
        reply = error.response
        message = f"the platform answers {reply.status_code}: {reply.text[:200]}"
        raise InputError(message, where=reply.request.url.path) from error
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise InputError(f"no usable answer from {account.base}: {error!r}") from error


def _token(client: httpx.Client, account: Account) -> str:
    body = {
        "client_id": account.client_id,
        "client_secret": account.client_secret,
        "grant_type": "client_credentials",
    }
    answer = client.post(f"{account.base}/oauth/token", json=body)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _refuse_totals(client: httpx.Client, account: Account, wanted: set[int]) -> None:
    parameters = {"collectiviteId": account.collectivity}
    answer = client.get(f"{account.base}/indicateurs", params=parameters)
    answer.raise_for_status()
    known = {item["id"]: item for item in answer.json()}
    for indicator in sorted(wanted):
        item = known.get(indicator)
        if item is None:
            raise InputError(
                f"indicator {indicator} is not one of community {account.collectivity}"
            )
        if item.get("identifiantReferentiel"):
            raise InputError(
                f"indicator {indicator} ({item['identifiantReferentiel']}) holds totals of the "
                "territory: make an indicator of your own and give its number"
            )
