"""What a node is to serve now: the document in the cluster, else its own settings; and where stations should be."""

from __future__ import annotations

import logging
from collections.abc import Callable

from controller.cluster.cluster_connection import Cluster
from controller.cluster.followed import Followed
from controller.fleet.fleet_config import STATIONS, assigned, is_draining
from controller.fleet.fleet_document import read_fleet_document, with_secrets
from controller.fleet.fleet_units import Unit, units_of
from controller.settings import Settings
from devices.support.file_error import FileError

_LOGGER = logging.getLogger(__name__)

_AGAIN_SECONDS = 30.0  # a watch that has ended unseen begins anew


class SharedSettings:
    """Follows the shared settings while `run` runs. `own`: the settings of this node.

    `units`: what the fleet has, as far as it is known; a document that is not valid changes nothing, and `problem` says
    why. `revision`: of the document in use; `None`: the node's own settings.
    """

    def __init__(self, cluster: Cluster, own: Settings, node: str, on_change: Callable[[], None]) -> None:
        self.units: dict[str, Unit] = {}
        self.revision: int | None = None
        self.problem: str | None = None
        self._own = own
        self._node = node
        self._on_change = on_change
        self._seen: int | None = None
        self._followed = Followed(cluster.config, "the shared settings", _AGAIN_SECONDS, self._read)

    async def synced(self) -> None:
        """Wait until the shared settings were received."""
        await self._followed.synced()

    @property
    def draining(self) -> bool:
        """Whether this node is to be drained."""
        return is_draining(self._followed.entries, self._node)

    def is_drained(self, node: str) -> bool:
        """Return whether a node is to be drained."""
        return is_draining(self._followed.entries, node)

    def assigned(self, unit: str) -> str | None:
        """Return the node that is preferred for a unit; `None`: none is."""
        return assigned(self._followed.entries, unit)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._followed.run()

    def _read(self) -> None:
        if not self._followed.is_synced:
            return
        entry = self._followed.entries.get(STATIONS)
        if entry is None:
            self.units, self.revision, self.problem = units_of(self._own), None, None
        elif entry.revision != self._seen:
            self._read_document(entry.value, entry.revision)
        self._seen = None if entry is None else entry.revision
        self._on_change()

    def _read_document(self, content: bytes, revision: int) -> None:
        name = f"the shared document (version {revision})"
        try:
            document = read_fleet_document(content.decode(errors="replace"), name)
        except FileError as error:
            self.problem = str(error)
            _LOGGER.error("%s; what was served before goes on", error)  # noqa: TRY400 - a traceback adds nothing
            return
        stations = with_secrets(document, self._own.stations)
        self.units = units_of(self._own.model_copy(update={"stations": stations}))
        self.revision, self.problem = revision, None
        _LOGGER.info("%s is used: %s", name, ", ".join(stations))
