"""Where the files that come with Letdown are: the owner-readable `config/` tree, in a checkout or inside a wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_IN_WHEEL = _HERE / "_shipped"

SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _HERE.parent / "config"
