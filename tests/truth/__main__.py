"""Write docs/truth.md anew. Run: .venv/bin/python -m tests.truth"""

from __future__ import annotations

from pathlib import Path

from tests.truth.page import current_page

PAGE = Path(__file__).parents[2] / "docs" / "truth.md"

if __name__ == "__main__":
    PAGE.write_text(current_page(), encoding="utf-8")
