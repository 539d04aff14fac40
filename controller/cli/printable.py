"""Text of somebody else on a terminal: an imported note must not move the cursor or change colours."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Return a text in which each control character is a replacement character; those of `keep` stay."""
    return "".join(each if each.isprintable() or each in keep else "\N{REPLACEMENT CHARACTER}" for each in text)
