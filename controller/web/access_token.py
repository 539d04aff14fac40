"""The token of the web page and the API: its file, and what is signed with it (cookies and one-time links)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

_LOGGER = logging.getLogger(__name__)

LINK_SECONDS = 600.0
COOKIE_SECONDS = 400 * 86_400.0  # the longest that browsers keep a cookie
_LEAST_CHARACTERS = 32
_MOST_BYTES = 4096

_Purpose = Literal["cookie", "link"]


class TokenError(Exception):
    """There is no usable token. `str()` says why, and what to do."""


class AccessToken:
    """A token, and what is signed with it. Every comparison takes the same time, whatever is given.

    A link signs a browser in once while this process runs. `now`: the wall clock, in seconds.
    """

    def __init__(self, token: str, *, now: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        self._now = now
        self._used: dict[str, float] = {}  # links, until they expire

    def matches(self, given: str) -> bool:
        """Return whether this is the token."""
        return hmac.compare_digest(given.encode(errors="replace"), self._token)

    def cookie(self) -> str:
        """Return the value of a new cookie. It is not the token, and does not work as one."""
        return self._signed("cookie", self._now() + COOKIE_SECONDS)

    def accepts_cookie(self, value: str) -> bool:
        """Return whether a cookie is one of ours, and has not expired."""
        return self._is_valid("cookie", value)

    def link_code(self) -> str:
        """Return the code of a new link, valid for `LINK_SECONDS`."""
        return self._signed("link", self._now() + LINK_SECONDS)

    def redeem(self, code: str) -> bool:
        """Return whether the code of a link is valid; it is used up by that."""
        now = self._now()
        self._used = {used: expires for used, expires in self._used.items() if expires > now}
        if not self._is_valid("link", code) or code in self._used:
            return False
        self._used[code] = now + LINK_SECONDS
        return True

    def _signed(self, purpose: _Purpose, expires: float) -> str:
        content = f"{int(expires)}.{secrets.token_urlsafe(12)}"
        return f"{content}.{self._signature(purpose, content)}"

    def _is_valid(self, purpose: _Purpose, value: str) -> bool:
        content, _, signature = value.rpartition(".")
        expected = self._signature(purpose, content)
        if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
            return False
        return float(content.partition(".")[0]) > self._now()  # we wrote it

    def _signature(self, purpose: _Purpose, content: str) -> str:
        digest = hmac.new(self._token, f"{purpose}:{content}".encode(errors="replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def new_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Return whether a text can be a token: long enough not to be guessed, and ASCII, as it goes into a header."""
    return len(text) >= _LEAST_CHARACTERS and text.isascii() and text.isprintable()


def read_token(file: Path) -> str:
    """Return the token in a file, which is created, for its owner alone, if there is none. Raise `TokenError`."""
    try:
        if not file.exists():
            _create(file)
        if file.stat().st_mode & 0o077:
            _LOGGER.warning("others could read %s: it is private again; delete it to get a new token", file)
            file.chmod(0o600)
        with file.open("rb") as opened:
            token = opened.read(_MOST_BYTES).decode(errors="replace").strip()
    except OSError as error:
        raise TokenError(
            f"the token of the web page, {file}, cannot be read or created: {error.strerror or error}; "
            "name another place with web.token_file"
        ) from None
    if not is_token(token):
        raise TokenError(
            f"{file} holds no token: one has at least {_LEAST_CHARACTERS} characters (ASCII) in one line; "
            "delete the file, and a new one is created"
        )
    return token


def _create(file: Path) -> None:
    """Create the file in one piece; another process may create it at the same time, and then that one counts."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(new_token() + "\n")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink()
