"""Learned comfort: from each session's adjustments and pain to where the next one begins."""
