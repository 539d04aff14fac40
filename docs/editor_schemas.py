"""Write config/schema, what editors know of profiles, routines and settings. Run by `make docs`."""

from __future__ import annotations

import json
from pathlib import Path

from controller.cli.editor_schemas import SCHEMAS

FOLDER = Path(__file__).parent.parent / "config/schema"


def text_of(name: str) -> str:
    """Return the text of a schema's file."""
    return json.dumps(SCHEMAS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in SCHEMAS:
        (FOLDER / f"{name}.json").write_text(text_of(name), encoding="utf-8")
