"""Pure estimators: arrays and dataclasses in, dataclasses out."""
