"""Runs one routine at one station: its steps, the questions, what is measured, and the guide for the person."""
