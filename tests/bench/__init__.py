"""Measurements, as ratios to a bare loop in the same run. Run with `make bench`; none of them is a test."""
