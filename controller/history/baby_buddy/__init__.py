"""Enters finished sessions in Baby Buddy, a baby tracker of one's own: one pumping entry for each session."""
