"""`python -m cobenefit_backend` is `cobenefit backend`."""

from cobenefit_backend.commands import app

if __name__ == "__main__":
    app()
