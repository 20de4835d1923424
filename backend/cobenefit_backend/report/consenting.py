"""Which devices a study may read for a purpose, and the record that says who is left out."""

import msgspec

from cobenefit_backend.consents import Purpose, Register
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.study_kinds import Study


def consenting(
    study: Study, register: Register, purpose: Purpose
) -> tuple[Study, tuple[Disqualification, ...]]:
    """Return a study of the devices that may be read, and how many may not.

    Parameters
    ----------
    study : Study
        The study.
    register : Register
        What the households agree to.
    purpose : Purpose
        What the figure is for.

    Returns
    -------
    tuple of Study, tuple of Disqualification
        The study as it was where nobody consents: the store then gives no rows, and the figure
        says so.
    """
    may = [name for name in study.devices if register.may(study.site, name, purpose)]
    missing = len(study.devices) - len(may)
    if not missing:
        return study, ()
    text = "Households without consent for this purpose are left out."
    record = Disqualification("no_consent", text, {"meters": str(missing)})
    return (msgspec.structs.replace(study, devices=may) if may else study), (record,)
