"""Draw icon and logo of the add-on from the icon of the page, with Chromium. Run: python -m docs.addon_pictures"""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import ViewportSize

from tests.helpers.browser import browser

_ROOT = Path(__file__).parent.parent
_ADDON = _ROOT / "config/addon"
_STYLE = """<style>
  body { margin: 0; display: flex; align-items: center; height: 100vh; gap: 12px; }
  svg { height: 100vh; flex: none; }
  text { font: 600 40px sans-serif; fill: #f0a67a; }
</style>"""
# What Home Assistant asks for: a square icon of 128 pixels, and a logo of about 250 by 100.
_NAME = '<svg viewBox="0 0 138 100" style="margin-left: 100px; height: 100px; position: absolute">'
_NAME += '<text x="10" y="61" textLength="124" style="font-size: 30px">Letdown</text></svg>'
_SIZES: dict[str, tuple[ViewportSize, str]] = {
    "icon.png": ({"width": 128, "height": 128}, ""),
    "logo.png": ({"width": 250, "height": 100}, _NAME),
}


async def main() -> None:
    """Draw both, without a background."""
    svg = (_ROOT / "controller/web/static/icon.svg").read_text(encoding="utf-8")
    async with browser() as started:
        for name, (size, more) in _SIZES.items():
            page = await started.new_page(viewport=size)
            await page.set_content(_STYLE + svg + more)
            await page.screenshot(path=_ADDON / name, omit_background=True)


if __name__ == "__main__":
    asyncio.run(main())
