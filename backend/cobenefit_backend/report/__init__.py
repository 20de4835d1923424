"""Reports: estimates arranged for one reader; no arithmetic."""
