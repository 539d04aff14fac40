"""Print what Letdown 0.1.0 makes of newer files: README.md says how. Usage: read_newer.py FOLDER"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from controller.store.store import Store
from devices.file_error import FileError

from controller.settings import load_settings


async def main(folder: Path) -> None:
    """Read `letdown.db` and `letdown.yaml` of a folder."""
    async with Store.opened(folder / "letdown.db") as store:
        print("store:", store.trouble)  # noqa: T201
        print("may run:", sorted(store.memory("home").remembered.running))  # noqa: T201
    try:
        load_settings(folder / "letdown.yaml")
        print("settings: accepted")  # noqa: T201
    except FileError as error:
        print("settings:", error)  # noqa: T201


asyncio.run(main(Path(sys.argv[1])))
