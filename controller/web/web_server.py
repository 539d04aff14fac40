"""Serves the web page and the API beside the service. Whatever fails here is logged and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from controller.contract.stream import Stream
from controller.web.access_control import HEAD_BYTES
from controller.web.access_token import AccessToken, TokenError, new_token, read_token
from controller.web.http_protocol import BoundedProtocol
from controller.web.page_address import ADDRESS_FILE, address_of
from controller.web.role import Role
from controller.web.role_tokens import RoleTokens, token_file_of
from controller.web.web_app import web_app
from controller.web.web_parts import BoardParts, WebParts
from controller.web.web_settings import FIRST_PORT, LAST_PORT, WebSettings

_LOGGER = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_SHUTDOWN_SECONDS = 0.6
_KEEP_ALIVE_SECONDS = 15


class WebError(Exception):
    """The page cannot be served now. `str()` says why, and what to do."""


class _UvicornServer(uvicorn.Server):
    """Uvicorn, which leaves the signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """Serves `parts` while `run` runs. `address`: where the page is, or `None`; then `problem` says why.

    `token_file`: `None` makes tokens for this run alone. `address_file`: where to note the address, for `letdown web`.
    `roles`: those that have a token of their own, each in a file beside that one. `build`: makes the application, by
    default that of a controller, whose parts are `WebParts`.
    """

    def __init__(
        self,
        settings: WebSettings,
        parts: BoardParts,
        *,
        token_file: Path | None,
        address_file: Path | None = None,
        first_wait_seconds: float = _FIRST_WAIT_SECONDS,
        build: Callable[[RoleTokens], ASGIApp] | None = None,
        roles: Iterable[Role] = (Role.ADMINISTER,),
    ) -> None:
        self._settings = settings
        self.parts = parts
        self._token_file = token_file
        self._address_file = address_file
        self._first_wait_seconds = first_wait_seconds
        self._settled = asyncio.Event()
        self.address: str | None = None
        self.problem: str | None = None
        self._build = build or self._controller_app
        self._roles = tuple(roles)
        self.tokens: RoleTokens | None = None

    @classmethod
    def of(cls, settings: WebSettings, stream: Stream, parts: WebParts, token_file: Path | None) -> WebServer:
        """Return a server for a service, whose parts watch its stream from now on."""
        stream.subscribe(parts.hub.watch)
        address_file = None if token_file is None else token_file.with_name(ADDRESS_FILE)
        return cls(settings, parts, token_file=token_file, address_file=address_file)

    async def run(self) -> None:
        """Serve, again and again, until cancelled; then end within a second."""
        wait_seconds, loop = self._first_wait_seconds, asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                try:
                    await self._serve()
                    self._note_problem("the web server ended by itself")
                except (WebError, TokenError) as error:
                    self._note_problem(str(error))
                except Exception as error:
                    _LOGGER.exception("the web server failed; sessions go on, and it starts again")
                    self.problem = f"{type(error).__name__}; see the log"
                if loop.time() - began > _LONGEST_WAIT_SECONDS:
                    wait_seconds = self._first_wait_seconds
                self._settled.set()
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
        finally:
            self.parts.commands.cancel()

    async def settled(self) -> None:
        """Wait until the page is served, or could not be."""
        await self._settled.wait()

    async def _serve(self) -> None:
        """Serve until that ends, or until cancelled."""
        self.tokens = await asyncio.to_thread(self._read_tokens)
        # On a slow machine, building the routes takes longer than the event loop may hang.
        config = await asyncio.to_thread(self._config, self.tokens)
        listening = bind(self._settings)
        with contextlib.closing(listening):
            server = _UvicornServer(config)
            port: int = listening.getsockname()[1]
            self.address, self.problem = address_of(self._settings, port), None
            _LOGGER.info("the web page is at %s", self.address)
            task = asyncio.create_task(server.serve([listening]), name="web server")
            with self._noted_address(port):
                self._settled.set()
                try:
                    await asyncio.wait({task})
                    if not task.cancelled():  # else somebody ended it, and `run` serves again
                        task.result()
                finally:
                    self.address = None
                    await self._shut_down(server, task, listening)

    def _read_tokens(self) -> RoleTokens:
        """Return the tokens; one that is the same remembers which links it has used up. Raise `TokenError`."""
        known, found = {} if self.tokens is None else self.tokens.values, {}
        for role in self._roles:
            file = self._token_file
            token = new_token() if file is None else read_token(token_file_of(file, role))
            before = known.get(role)
            found[role] = before if before is not None and before.matches(token) else AccessToken(token)
        return RoleTokens(found)

    def _controller_app(self, tokens: RoleTokens) -> ASGIApp:
        assert isinstance(self.parts, WebParts)  # noqa: S101 - for the type checker
        return web_app(self.parts, self._settings, tokens)

    def _config(self, tokens: RoleTokens) -> uvicorn.Config:
        # It logs each start and end; the address is logged already.
        logging.getLogger("uvicorn").setLevel(max(logging.getLogger().level, logging.WARNING))
        config = uvicorn.Config(
            self._build(tokens),
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,  # who used the page, and when, is not recorded
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ssl_certfile=self._settings.certificate,
            ssl_keyfile=self._settings.key,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            words = "the web page is not served: certificate or key (web.certificate, web.key) cannot be used"
            raise WebError(f"{words}: {error}") from None
        return config

    async def _shut_down(self, server: uvicorn.Server, task: asyncio.Task[None], listening: socket.socket) -> None:
        """End open streams and what is being answered; connections that do not end are cut off."""
        self.parts.close()
        server.should_exit = True
        await asyncio.wait({task}, timeout=_SHUTDOWN_SECONDS)
        server.force_exit = True
        # A server that was cancelled or failed goes on listening (uvicorn 0.54), and the loop mistakes the next socket
        # of that number for this one.
        for listener in getattr(server, "servers", ()):
            listener.close()
        if listening.fileno() >= 0:
            with contextlib.suppress(NotImplementedError):  # on Windows, there is no reader
                asyncio.get_running_loop().remove_reader(listening)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.2)

    def _note_problem(self, problem: str) -> None:
        if problem != self.problem:  # a port that is taken for a day is one warning, not thousands
            _LOGGER.warning("%s; sessions do not need the page", problem)
        self.problem = problem

    @contextlib.contextmanager
    def _noted_address(self, port: int) -> Iterator[None]:
        """Have the address in a file inside the block. That it cannot be written is no problem."""
        file = self._address_file
        if file is None:
            yield
            return
        with contextlib.suppress(OSError):
            file.write_text(json.dumps({"address": self.address, "port": port}), encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.unlink()


def bind(settings: WebSettings) -> socket.socket:
    """Return a socket that listens where the settings say. Raise `WebError`."""
    ports = range(FIRST_PORT, LAST_PORT + 1) if settings.port is None else (settings.port,)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    problem: OSError | None = None
    for port in ports:
        listening = socket.socket(family)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((settings.host, port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            problem = error
            if error.errno != errno.EADDRINUSE:
                break
        else:
            listening.setblocking(False)
            return listening
    raise WebError(_explain(settings, problem))


def _explain(settings: WebSettings, error: OSError | None) -> str:
    ports = f"{FIRST_PORT} to {LAST_PORT}" if settings.port is None else str(settings.port)
    first = f"the web page cannot be served on {settings.host}, port {ports}"
    match error and error.errno:
        case errno.EADDRINUSE:
            return f"{first}: it is in use by another program; end that, or set web.port to another one"
        case errno.EADDRNOTAVAIL:
            return f"{first}: this machine has no such address; set web.host to 127.0.0.1, or to 0.0.0.0 for all"
        case errno.EACCES:
            return f"{first}: ports below 1024 need the rights of an administrator; set web.port to another one"
        case _:
            return f"{first}: {error}"
