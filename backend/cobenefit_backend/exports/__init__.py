"""Files made from a report: PDF, workbook, CSV, and all of them in one crate."""
