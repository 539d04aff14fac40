"""YAML that a test has as text, read like a file."""

from __future__ import annotations

from pathlib import Path

from devices.support.yaml_file import ModelT, parse_document


def parse_yaml(text: str, model: type[ModelT], file: Path | str = "<text>") -> ModelT:
    """Read `text` as one `model`; `file` is only its name in errors. Raise `FileError`."""
    return parse_document(text, file).validate(model)


def read_yaml(text: str, file: Path | str = "<text>") -> object:
    """Return text as plain data. Raise `FileError`."""
    return parse_document(text, file).data
