"""The JSON documents of `cobenefit estimate`, one file per use case, checked on arrival.

The schemas in docs/reference/schemas are generated from them. Nothing here reads a file or prints.
"""
