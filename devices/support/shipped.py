"""Where the files that come with Letdown are: the owner-readable `config/` tree, in a checkout or inside a wheel."""

from __future__ import annotations

from pathlib import Path

_DEVICES = Path(__file__).resolve().parents[1]
_IN_WHEEL = _DEVICES / "_shipped"

SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _DEVICES.parent / "config"
