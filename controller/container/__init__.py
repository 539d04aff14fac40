"""Letdown in a container: whether it is healthy, and how it starts as an add-on of Home Assistant."""
