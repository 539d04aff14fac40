"""Charts as SVG text, made by pure functions; with a table of the same values. For the page and for reports."""
