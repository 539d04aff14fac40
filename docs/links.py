"""List the links of the documentation that leave the project. No test follows them. Run: `make links`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"\bhttps?://[^\s)>\]\"'|]+")


def links_that_leave() -> Iterator[tuple[Path, str]]:
    """Yield each page with each address in it, outside of code."""
    for page in PAGES:
        for address in _ADDRESS.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
            yield page, address.rstrip(".,;:")


if __name__ == "__main__":
    for page, address in links_that_leave():
        sys.stdout.write(f"{address}  {page.relative_to(ROOT)}\n")
