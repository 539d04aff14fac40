"""Stored milk: bottles and bags, what was done with each, and until when it is best used."""
