"""Bumble without formatting each packet in colour for a debug log that is not printed.

Its registry of UUIDs is a list that it searches for each UUID of each server, so tests slow down as it grows.
"""

from __future__ import annotations

import sys


def speed_up() -> None:
    """Leave out the formatting and index the registry, if anything has imported Bumble."""
    if "bumble.hci" not in sys.modules:
        return
    from bumble.core import UUID
    from bumble.hci import HCI_Object

    for name, module in list(sys.modules.items()):
        if name.startswith("bumble.") and hasattr(module, "color"):
            module.color = lambda text, *_, **__: text
    HCI_Object.format_fields = staticmethod(lambda *_, **__: "")
    registered = {uuid.uuid_128_bytes: uuid for uuid in UUID.UUIDS}

    def register(self: UUID) -> UUID:
        known = registered.setdefault(self.uuid_128_bytes, self)
        if known.name is None:
            known.name = self.name
        return known

    UUID.register = register
