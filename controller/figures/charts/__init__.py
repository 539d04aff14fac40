"""Charts as SVG text, made by pure functions; with a table that says the same. For the page and for reports."""
