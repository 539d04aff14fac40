"""Totals and charts from session records: pure functions, for the page, the command line and reports."""
