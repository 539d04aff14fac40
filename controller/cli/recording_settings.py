"""The language of a command about recordings."""

from __future__ import annotations

from controller.cli.command_settings import read_settings
from controller.contract.words import Words, load_words


def words_in(language: str | None) -> Words:
    """Return the texts of a language; by default, that of the settings. Raise `ValueError` or `FileError`."""
    return load_words(language or read_settings(None, named=False).language)
