"""From a person the provider vouches for to a session, or to whom to ask.

The tenant of their employer comes first: by their grant there, else by the role its people have.
Only where that opens nothing does a grant of another tenant, so that nobody can draw people
away from their own.
"""

import logging

from cobenefit_backend.access.audit import note
from cobenefit_backend.access.credentials import Credentials
from cobenefit_backend.access.grants import Grant, Grants, person
from cobenefit_backend.access.oidc import Identity, Provider
from cobenefit_backend.access.oidc_errors import SignInError
from cobenefit_backend.access.roles import Role
from cobenefit_backend.database import Database

LOG = logging.getLogger(__name__)


class Entrance:
    """The door beside the one-time secret.

    Parameters
    ----------
    provider : Provider
        Who vouches.
    database : Database
        Where grants, sessions and the audit log are.
    """

    def __init__(self, provider: Provider, database: Database) -> None:
        self.provider = provider
        self.grants = Grants(database, provider.config.issuer)
        self._credentials = Credentials(database)
        self._database = database

    def admit(self, identity: Identity, now_ms: int) -> str:
        """Open a session.

        Parameters
        ----------
        identity : Identity
            Who was vouched for.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        str
            The session's token.

        Raises
        ------
        SignInError
            `employer` or `person`: nothing is open to them.
        """
        tenant, role, grant = self._opened(identity)
        name = person(identity.issuer, "sub", identity.subject)
        if grant is not None and not self.grants.bind(grant, identity, now_ms):
            raise SignInError("person", "removed just now", tenant)
        return self._credentials.admit(tenant, role, str(identity), name, now_ms=now_ms)

    def refused(self, error: SignInError) -> None:
        """Leave a line of a refusal, in the log and where an administrator reads it.

        What belongs to no tenant goes to the first one of the configuration, without a name.
        """
        LOG.warning("sign-in through the provider: %s", error)
        if error.reason in {"state", "down", "busy", "refused"}:
            return  # anyone can cause these; they must not fill the audit log
        tenant = error.tenant or self.provider.config.tenants[0].tenant
        with self._database.writing(tenant, data=False) as connection:
            note(connection, tenant, "provider", "sign-in refused", str(error))

    def _opened(self, identity: Identity) -> tuple[str, Role, Grant | None]:
        employer = self.provider.config.employer(identity.siret)
        grants = self.grants.find(identity)
        if employer is not None:
            own = [grant for grant in grants if grant.tenant == employer.tenant]
            for grant in own:
                if grant.role is not None:
                    return grant.tenant, grant.role, grant
            if not own and employer.role is not None:
                return employer.tenant, employer.role, None
        for grant in grants:
            if grant.role is not None:
                return grant.tenant, grant.role, grant
        if employer is not None:
            raise SignInError("person", f"no grant for {identity}", employer.tenant)
        if grants:
            raise SignInError("person", f"no access for {identity}", grants[0].tenant)
        raise SignInError("employer", f"SIRET {identity.siret[:14] or 'missing'}")
