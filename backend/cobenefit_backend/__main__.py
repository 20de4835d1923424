"""`python -m cobenefit_backend` is `cobenefit backend`."""

from cobenefit_backend.commands import app

app(prog_name="cobenefit backend")
