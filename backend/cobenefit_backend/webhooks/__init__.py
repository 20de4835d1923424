"""Webhooks: a tenant's own addresses hear of events, signed as Standard Webhooks 1.0.0 says."""
