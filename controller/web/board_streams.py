"""The event streams of the page of all stations: what changed, in batches, as there may be hundreds of stations.

A batch holds each station once, as it is now; there are at most two batches a second, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import Field

from controller.contract.station_board import StationBoard, StationTile
from controller.web.event_hub import HEARTBEAT_SECONDS, RETRY, TooManyStreamsError, encode
from devices.roles import Frozen

BATCH_SECONDS = 0.5
MOST_STREAMS = 32
MOST_STREAMS_PER_CLIENT = 8


class BoardHeartbeat(Frozen):
    """Comes first, then every 2 s."""

    seconds: float = Field(description="When it was sent, by a clock of the controller that starts anywhere.")
    now: datetime = Field(description="The time by the wall clock that `ends_at` is by.")
    stations: int = Field(description="How many stations there are: one that was removed is sent no more.")
    in_contact: bool = Field(description="Whether commands can be sent; where not, the page of a fleet has no broker.")


class BoardStream:
    """One open stream. `next_batch` returns what is due."""

    def __init__(self, client: str, board: StationBoard, closed: Callable[[BoardStream], None]) -> None:
        self.client = client
        self._board = board
        self._closed = closed
        self._pending = dict(board.tiles)
        self._changed = asyncio.Event()
        self._is_open = True
        self._greeting = RETRY
        self._next_tiles = self._next_heartbeat = asyncio.get_running_loop().time()

    def add(self, tile: StationTile) -> None:
        """Queue a tile; it replaces an older one."""
        self._pending[tile.station] = tile
        self._changed.set()

    async def next_batch(self) -> bytes | None:
        """Wait for what is due next: tiles, or a heartbeat; `None`: the stream is closed."""
        loop = asyncio.get_running_loop()
        while self._is_open:
            if batch := self._take(loop.time()):
                return batch
            self._changed.clear()
            due = min(self._next_heartbeat, self._next_tiles) if self._pending else self._next_heartbeat
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
        return None

    def close(self) -> None:
        """End the stream."""
        if self._is_open:
            self._is_open = False
            self._changed.set()
            self._closed(self)

    def _take(self, now: float) -> bytes:
        parts, self._greeting = [self._greeting], b""
        if now >= self._next_heartbeat:
            beat = BoardHeartbeat(
                seconds=round(now, 3),
                now=datetime.now(UTC),
                stations=len(self._board.tiles),
                in_contact=self._board.in_contact,
            )
            parts.append(encode("heartbeat", beat.model_dump_json()))
            self._next_heartbeat = now + HEARTBEAT_SECONDS
        if self._pending and now >= self._next_tiles:
            tiles = ",".join(each.model_dump_json() for each in self._pending.values())
            parts.append(encode("stations", f"[{tiles}]"))
            self._pending.clear()
            self._next_tiles = now + BATCH_SECONDS
        return b"".join(parts)


class BoardStreams:
    """All open streams of a board."""

    def __init__(self, board: StationBoard) -> None:
        self._board = board
        self._streams: list[BoardStream] = []
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def tiles(self) -> Mapping[str, StationTile]:
        """The latest tile of every station."""
        return self._board.tiles

    @property
    def in_contact(self) -> bool:
        """Whether commands can be sent now."""
        return self._board.in_contact

    def open(self, client: str) -> BoardStream:
        """Open a stream: first all stations, then those that change. Raise `TooManyStreamsError`."""
        if len(self._streams) >= MOST_STREAMS:
            raise TooManyStreamsError(f"{MOST_STREAMS} pages of all stations are open, and that is all there may be")
        if sum(each.client == client for each in self._streams) >= MOST_STREAMS_PER_CLIENT:
            raise TooManyStreamsError(f"you have {MOST_STREAMS_PER_CLIENT} pages of all stations open; close some")
        if self._unsubscribe is None:
            self._unsubscribe = self._board.subscribe(self._send)
        stream = BoardStream(client, self._board, self._on_closed)
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        """End all streams."""
        for each in list(self._streams):
            each.close()

    def _send(self, tile: StationTile) -> None:
        for each in self._streams:
            each.add(tile)

    def _on_closed(self, stream: BoardStream) -> None:
        self._streams.remove(stream)
        if not self._streams and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
