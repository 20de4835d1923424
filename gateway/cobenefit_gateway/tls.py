"""The TLS settings towards the broker, one for whoever connects to it."""

import ssl

from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import ConfigError


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the TLS settings towards the broker; None without TLS.

    Parameters
    ----------
    config : Config
        Names the files.

    Returns
    -------
    SSLContext or None
        Verifies the broker's name and chain.

    Raises
    ------
    ConfigError
        If a file can't be read or does not belong to the others.
    """
    broker = config.broker
    if not broker.tls_ca:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.tls_ca)
    except (OSError, ssl.SSLError) as err:
        raise ConfigError(
            str(config.file), "broker.tls_ca", broker.tls_ca, f"a readable certificate: {err}"
        ) from err
    if broker.tls_cert:
        try:
            context.load_cert_chain(broker.tls_cert, broker.tls_key or None)
        except (OSError, ssl.SSLError) as err:
            raise ConfigError(
                str(config.file), "broker.tls_cert", broker.tls_cert,
                f"a certificate with its key in broker.tls_key: {err}",
            ) from err  # fmt: skip
    return context
