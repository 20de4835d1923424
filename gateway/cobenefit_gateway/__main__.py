"""`python -m cobenefit_gateway` is `cobenefit gateway`."""

from cobenefit_gateway.commands import app

app(prog_name="cobenefit gateway")
