"""Pages beside the report: one module each, which gathers, and one template, which shows."""
