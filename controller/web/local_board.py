"""The stations of this controller at a glance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from controller.contract.events import Snapshot
from controller.contract.station_board import StationTile, tile_of


class LocalBoard:
    """A `StationBoard` that watches the stream of this controller."""

    def __init__(self, snapshots: Iterable[Snapshot]) -> None:
        self._tiles = {each.station: tile_of(each) for each in snapshots}
        self._callbacks: list[Callable[[StationTile], None]] = []

    @property
    def tiles(self) -> Mapping[str, StationTile]:
        """The tiles, by station."""
        return self._tiles

    @property
    def in_contact(self) -> bool:
        """Whether commands can be sent now: always."""
        return True

    def subscribe(self, changed: Callable[[StationTile], None]) -> Callable[[], None]:
        """Call `changed` with every tile that changes from now on. Return a function to unsubscribe."""
        self._callbacks.append(changed)
        return lambda: self._callbacks.remove(changed)

    def watch(self, snapshot: Snapshot) -> None:
        """Take a snapshot. Most differ in numbers alone, and change no tile."""
        tile = tile_of(snapshot)
        if snapshot.station not in self._tiles or self._tiles[snapshot.station] == tile:
            return
        self._tiles[snapshot.station] = tile
        for each in list(self._callbacks):
            each(tile)
