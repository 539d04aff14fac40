"""Names in a fleet: those of stations, bodies and controllers are keys of the cluster, which takes few characters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from devices.support.file_error import ModelError

_KEY = re.compile(r"[-\w=]+(\.[-\w=]+)*", re.ASCII)
_WORDS = "in a fleet, a name has only the letters a to z, digits, and - _ = and . inside; this has others"


def check_names(bodies: Mapping[str, str | None], node: str | None = None) -> None:
    """Raise `ModelError` where stations (with the body of each, if it names one) or the node have unusable names."""
    named = {f"stations.{station}": station for station in bodies}
    named |= {f"stations.{station}.body": body for station, body in bodies.items() if body is not None}
    if node is not None:
        named["mqtt.node"] = node
    if wrong := [place for place, name in named.items() if not _KEY.fullmatch(name)]:
        raise ModelError(*((place, _WORDS) for place in wrong))
