"""Who may do what: roles, credentials, rate limits, and the guard of every route."""
