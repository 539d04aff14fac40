"""Checks of this machine, each with a remedy for what is wrong: `letdown doctor`."""
