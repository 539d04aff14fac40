"""Device models read once: hundreds of tests need all that are shipped, and to read these takes a tenth of a second."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any


def speed_up() -> None:
    """Read a model file that has not changed once for the same drivers, if anything reads them. Models are frozen."""
    if "devices.profiles.catalog" not in sys.modules:
        return
    from devices.driver import registry
    from devices.profiles import catalog

    read_model = registry.load_model

    @functools.lru_cache(maxsize=512)
    def read(file: Path, modified_ns: int, size: int, drivers: tuple[Any, ...]) -> registry.DeviceModel:
        return read_model(file)

    def load_model(file: Path) -> registry.DeviceModel:
        stat = file.stat()
        return read(file, stat.st_mtime_ns, stat.st_size, tuple(registry.drivers().values()))

    catalog.load_model = load_model
