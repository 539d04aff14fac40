"""HTTP/1.1 as uvicorn speaks it (h11, which is strict), with bounds for slow, endless and too many connections."""

from __future__ import annotations

import asyncio
import functools
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from controller.web.event_stream_response import ABORT
from controller.web.problems import PROBLEM_JSON, problem_json

HEAD_SECONDS = 5.0  # for the head of a request, from the connection or its first byte
MOST_CONNECTIONS = 256
_REST_SECONDS = 1.0  # for the rest of a body that is not used


class BoundedProtocol(H11Protocol):
    """One connection. With too many, the one that has been idle for longest makes room: a stop always gets through."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        self._opened_at = self.loop.time()
        self._head_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self.app = functools.partial(_with_abort, self.app, transport.abort)
        self._watch_head()
        if len(self.connections) > MOST_CONNECTIONS:
            others = [each for each in self.connections if isinstance(each, BoundedProtocol) and each.is_idle]
            min(others, key=lambda each: each._opened_at).transport.abort() if others else transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._cancel_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """End a response; a body that was not read may not go on for ever."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self.loop.call_later(_REST_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it is in technical words
        """Answer what is not HTTP."""
        body = problem_json(400, "this is not a valid HTTP request").encode()
        headers = [("content-type", PROBLEM_JSON), ("content-length", str(len(body))), ("connection", "close")]
        try:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer has already begun
        self.transport.close()

    def _watch_head(self) -> None:
        """Bound the time until the head of a request is complete; uvicorn bounds that between two requests."""
        if self.conn.their_state is not h11.IDLE:
            self._cancel_timer()
        elif self._head_timer is None and self.timeout_keep_alive_task is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._on_slow_head)

    def _on_slow_head(self) -> None:
        self._head_timer = None
        if self.conn.their_state is h11.IDLE and self.is_idle:
            self.transport.abort()

    def _cancel_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


async def _with_abort(app: Any, abort: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an app; each request carries a way to end its connection at once."""
    scope.setdefault("extensions", {})[ABORT] = abort
    await cast("ASGIApp", app)(scope, receive, send)
