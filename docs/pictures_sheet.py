"""Draw docs/pictures.png, all drawings in the dark and in the light: `python -m docs.pictures_sheet`, with Chromium."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from controller.contract.pictures import picture_names, picture_svg

_COLUMNS, _SIZE, _GAP = 6, 118, 6  # so small that the file stays below 200 kB
_DARK, _LIGHT = "0", "1"  # Chromium's own numbers
_STYLE = f"""<!doctype html><style>
body {{ margin: 0; background: #808080; }}
img {{ display: block; }}
div {{ padding: {_GAP}px; display: grid; gap: {_GAP}px; grid-template-columns: repeat({_COLUMNS}, {_SIZE}px); }}
div img {{ width: {_SIZE}px; height: {_SIZE}px; border-radius: 10px; }}
</style>"""
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-prefers-reduced-motion")


def main() -> None:
    """Let a browser show the still frame of every drawing, first in the dark and then in the light."""
    names = picture_names()
    width = _GAP + _COLUMNS * (_SIZE + _GAP)
    height = _GAP + -(-len(names) // _COLUMNS) * (_SIZE + _GAP)
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        for name in names:
            (folder / f"{name}.svg").write_bytes(picture_svg(name))
        images = "".join(f'<img src="{name}.svg">' for name in names)
        page = folder / "page.html"
        page.write_text(f"{_STYLE}<div>{images}</div>", encoding="utf-8")
        for scheme in (_DARK, _LIGHT):
            _shoot(page, folder / f"{scheme}.png", width, height, scheme)
        page.write_text(f'{_STYLE}<img src="{_DARK}.png"><img src="{_LIGHT}.png">', encoding="utf-8")
        _shoot(page, Path(__file__).with_name("pictures.png"), width, 2 * height, _LIGHT)


def _shoot(page: Path, to: Path, width: int, height: int, scheme: str) -> None:
    command = ["chromium", *_OPTIONS, f"--blink-settings=preferredColorScheme={scheme}"]
    command += [f"--window-size={width},{height}", f"--screenshot={to}", str(page)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a script for developers


if __name__ == "__main__":
    main()
