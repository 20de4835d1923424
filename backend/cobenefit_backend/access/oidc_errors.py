"""Why someone was not let in."""

from cobenefit_backend.errors import BackendError


class SignInError(BackendError):
    """A sign-in through the provider ends without a session.

    Parameters
    ----------
    reason : str
        `state`, `refused`, `untrusted`, `down`, `busy`, `employer` or `person`: the sentence
        shown (`oidc_…` in the catalogue).
    detail : str
        What exactly, for the log; also shown, so that it can be told to whom may help.
    tenant : str, optional
        Whose administrators should see it; empty: nobody's.
    """

    def __init__(self, reason: str, detail: str, tenant: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.tenant = reason, detail, tenant
