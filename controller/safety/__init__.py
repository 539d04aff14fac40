"""Safety: the limits, the envelope of a body, and what widens it (guard), checks it (supervisor) and enforces it."""
