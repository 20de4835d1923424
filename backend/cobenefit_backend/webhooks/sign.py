"""Secrets and signatures of webhooks (Standard Webhooks 1.0.0, symmetric scheme `v1`).

The secret of a webhook is derived from the server's own key and the webhook's id, so the database
holds nothing that signs.

>>> secret = secret_of("k" * 32, "a1")
>>> secret.startswith("whsec_"), len(base64.b64decode(secret[6:]))
(True, 32)
>>> headers("k" * 32, "a1", "msg_1", 1700000000, b"{}")["webhook-id"]
'msg_1'
"""

import base64
import hashlib
import hmac

SHORTEST_KEY = 32
_PREFIX = "whsec_"


def _bytes_of(key: str, webhook: str) -> bytes:
    return hmac.digest(key.encode(), f"cobenefit webhook {webhook}".encode(), hashlib.sha256)


def secret_of(key: str, webhook: str) -> str:
    """Return the secret of a webhook as its receiver needs it.

    Parameters
    ----------
    key : str
        The server's own key, `COBENEFIT_WEBHOOK_SECRET`.
    webhook : str
        Id of the webhook.

    Returns
    -------
    str
        `whsec_` and 32 bytes in base 64.
    """
    return _PREFIX + base64.b64encode(_bytes_of(key, webhook)).decode()


def headers(key: str, webhook: str, message: str, t_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt to deliver a message.

    Parameters
    ----------
    key : str
        The server's own key.
    webhook : str
        Id of the webhook.
    message : str
        Id of the event, the same in every attempt.
    t_s : int
        Unix time of the attempt. [s]
    body : bytes
        The body as it is sent.

    Returns
    -------
    dict
        `webhook-id`, `webhook-timestamp`, `webhook-signature` and the type of the body.
    """
    signed = f"{message}.{t_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(_bytes_of(key, webhook), signed, hashlib.sha256))
    return {
        "webhook-id": message,
        "webhook-timestamp": str(t_s),
        "webhook-signature": f"v1,{signature.decode()}",
        "content-type": "application/json",
        "user-agent": "cobenefit-webhooks/1",
    }
