"""The API of Baby Buddy, over httpx: find, create, change and delete pumping entries. Each call is one request.

Written after its source (2.10: `core/models.py`, `api/serializers.py`, `api/filters.py`, `api/permissions.py`).
Imported only where Baby Buddy is configured.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import re
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.baby_buddy.pumping_entry import PumpingEntry, RemoteEntry
from controller.safety.message import KeyedMessage, message

for _name in ("httpx", "httpcore"):  # they would log each address, with the times of sessions in it
    logging.getLogger(_name).setLevel(logging.WARNING)

_REQUEST_SECONDS = 20.0  # for all of a request
_MOST_BYTES = 1_000_000
_LONGEST_DETAIL = 300
_MOST_ENTRIES = 500
_MARKED_WITHIN = timedelta(days=1)  # a person may have moved the start of an entry, but not by more
LONGEST_RETRY_SECONDS = 6 * 3600.0
_OK, _CREATED, _NO_CONTENT = 200, 201, 204
_BAD_REQUEST, _TOO_MANY = 400, 429
_NOT_ALLOWED = (401, 403)
_GONE = (404, 410)


class BabyBuddyError(Exception):
    """A request failed. `message`: why, for the person; `detail`: the server's error text, cleaned."""

    def __init__(self, why: KeyedMessage, detail: str | None = None) -> None:
        super().__init__(str(why))
        self.message = why
        self.detail = detail


class UnreachableError(BabyBuddyError):
    """Nothing can be sent now; it may pass by itself. `retry_seconds`: how long the server asks to wait."""

    def __init__(self, why: KeyedMessage, detail: str | None = None, retry_seconds: float | None = None) -> None:
        super().__init__(why, detail)
        self.retry_seconds = retry_seconds


class SetUpError(BabyBuddyError):
    """Nothing can be sent until somebody changes the settings here, or something in Baby Buddy."""


class RejectedError(BabyBuddyError):
    """Baby Buddy does not take this entry. `fields`: those that it names."""

    def __init__(self, why: KeyedMessage, detail: str, fields: frozenset[str]) -> None:
        super().__init__(why, detail)
        self.fields = fields


class WriteFailedError(BabyBuddyError):
    """The server failed on this entry; whether it was written is unknown."""


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore")
    results: list[RemoteEntry]


class BabyBuddyApi:
    """Talks to one Baby Buddy about one child. An async context manager, which closes its connections.

    No redirect is followed and no proxy of the environment is used: the token goes to the configured address alone.
    `transport`: in place of the network, for tests.
    """

    def __init__(self, settings: BabyBuddySettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._child = settings.child if isinstance(settings.child, int) else None
        # Over http:// there is nothing to verify, and loading all certificates takes a tenth of a second.
        verify: ssl.SSLContext | bool = settings.url.startswith("https:")
        if settings.ca_file is not None:
            verify = ssl.create_default_context(cafile=settings.ca_file)
        self._client = httpx.AsyncClient(
            base_url=f"{settings.url}api/",
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "letdown"},
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(_REQUEST_SECONDS),
            limits=httpx.Limits(max_connections=1),
            transport=transport,
            verify=verify,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def child(self) -> int:
        """Return the number of the child. One request, where the settings have its name, and only once."""
        if self._child is None:
            found = await self._json("GET", f"children/{self._settings.child}/")
            number = found.get("id") if isinstance(found, dict) else None
            if not isinstance(number, int):
                raise _not_baby_buddy()
            self._child = number
        return self._child

    async def children(self) -> dict[int, str]:
        """Return the children by their number, each with the name in the address of its page."""
        found = await self._json("GET", "children/")
        try:
            return {int(each["id"]): str(each["slug"]) for each in found["results"]}
        except (LookupError, TypeError, ValueError):
            raise _not_baby_buddy() from None

    async def near(self, start: datetime | None) -> list[RemoteEntry]:
        """Return the child's entries that start within a day of `start`; `None`: the latest ones."""
        query: dict[str, str | int] = {"child": await self.child(), "limit": _MOST_ENTRIES, "ordering": "-start"}
        if start is not None:
            query["start_min"] = (start - _MARKED_WITHIN).isoformat()
            query["start_max"] = (start + _MARKED_WITHIN).isoformat()
        try:
            return _Page.model_validate(await self._json("GET", "pumping/", query=query)).results
        except ValidationError:
            raise _not_baby_buddy() from None

    async def entry(self, number: int) -> RemoteEntry | None:
        """Return an entry; `None` where there is none (any more)."""
        found = await self._json("GET", f"pumping/{number}/", none_where_gone=True)
        return None if found is None else _entry(found)

    async def create(self, entry: PumpingEntry) -> RemoteEntry:
        """Create an entry. After any other error than `RejectedError` it may exist: look before trying again."""
        content = {"child": await self.child(), **entry.model_dump(mode="json")}
        return _entry(await self._json("POST", "pumping/", content=content, expected=_CREATED))

    async def change(self, number: int, fields: Mapping[str, object]) -> RemoteEntry | None:
        """Change some fields of an entry; `None` where there is none (any more)."""
        found = await self._json("PATCH", f"pumping/{number}/", content=fields, none_where_gone=True)
        return None if found is None else _entry(found)

    async def delete(self, number: int) -> None:
        """Delete an entry, if there still is one."""
        await self._json("DELETE", f"pumping/{number}/", expected=_NO_CONTENT, none_where_gone=True)

    async def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: object = None,
        expected: int = _OK,
        none_where_gone: bool = False,
    ) -> Any:
        """Return the JSON of an answer; `None` where there is none. One request, and no other one whatever happens."""
        status, headers, body = await self._request(method, path, query, content)
        if status == expected:
            return None if status == _NO_CONTENT else _parsed(body)
        if status in _GONE and none_where_gone:
            # A page of some other server does not mean that an entry is gone.
            if isinstance(_parsed(body), dict):
                return None
            raise _not_baby_buddy()
        raise _error(method, path, status, headers, body)

    async def _request(
        self, method: str, path: str, query: Mapping[str, str | int] | None, content: object
    ) -> tuple[int, httpx.Headers, bytes]:
        try:
            headers = {"authorization": f"Token {self._settings.read_token()}"}
        except (OSError, ValueError) as error:
            raise SetUpError(message("upload_token_unreadable"), str(error)) from None
        try:
            async with (
                asyncio.timeout(_REQUEST_SECONDS),  # httpx's own is for each piece of an answer
                self._client.stream(method, path, params=query, json=content, headers=headers) as response,
            ):
                body = b""
                async for chunk in response.aiter_raw():  # nothing is unpacked, so nothing explodes
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise _not_baby_buddy()
                return response.status_code, response.headers, body
        except (httpx.TimeoutException, TimeoutError):
            raise UnreachableError(message("upload_timeout")) from None
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SetUpError(message("upload_certificate"), _clean(str(error))) from None
            raise UnreachableError(message("upload_unreachable"), _clean(str(error))) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(message("upload_unreachable"), _clean(str(error))) from None


def _error(method: str, path: str, status: int, headers: httpx.Headers, body: bytes) -> BabyBuddyError:  # noqa: PLR0911 - a table
    """Return what another status than the expected one means."""
    try:
        answer = _parsed(body)
    except SetUpError:
        answer = None
    detail = f"{status} {_error_text(answer)}".strip()
    writes = method in ("POST", "PATCH", "DELETE")
    match status:
        case _ if status in _NOT_ALLOWED:
            return SetUpError(message("upload_not_allowed"), detail)
        case _ if 300 <= status < 400:  # noqa: PLR2004 - all redirects
            host = urlsplit(headers.get("location", "")).hostname or "-"
            return SetUpError(message("upload_redirected"), _clean(f"{status} {host}"))
        case _ if status == _TOO_MANY:
            return UnreachableError(message("upload_busy"), detail, _retry_seconds(headers))
        case _ if status in _GONE and path.startswith("children/"):
            return SetUpError(message("upload_no_child"), detail)
        case _ if status in _GONE:
            return SetUpError(message("upload_not_baby_buddy"), detail)
        case _ if status == _BAD_REQUEST and isinstance(answer, dict) and set(answer) == {"child"}:
            return SetUpError(message("upload_no_child"), detail)
        case _ if 400 <= status < 500 and writes and isinstance(answer, dict):  # noqa: PLR2004
            return RejectedError(message("upload_rejected"), detail, frozenset(map(str, answer)))
        case _ if status >= 500 and writes and "retry-after" not in headers:  # noqa: PLR2004
            return WriteFailedError(message("upload_server_error"), detail)
        case _ if status >= 500:  # noqa: PLR2004
            return UnreachableError(message("upload_server_error"), detail, _retry_seconds(headers))
        case _:
            return SetUpError(message("upload_not_baby_buddy"), detail)


def _not_baby_buddy() -> SetUpError:
    return SetUpError(message("upload_not_baby_buddy"))


def _parsed(body: bytes) -> Any:
    """Return the JSON in an answer. Raise `SetUpError` for anything else, such as a page of a router."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _not_baby_buddy() from None


def _entry(found: object) -> RemoteEntry:
    try:
        return RemoteEntry.model_validate(found)
    except ValidationError:
        raise _not_baby_buddy() from None


def _retry_seconds(headers: httpx.Headers) -> float | None:
    text = headers.get("retry-after", "")
    return min(float(text), LONGEST_RETRY_SECONDS) if re.fullmatch(r"\d{1,9}", text) else None


def _error_text(answer: object) -> str:
    """Return the server's error as plain text: Baby Buddy answers a list of sentences by field, some with HTML."""
    if not isinstance(answer, dict):
        return ""
    parts = []
    for name, value in answer.items():
        texts = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        parts += texts if name in ("detail", "non_field_errors") else [f"{name}: {each}" for each in texts]
    return _clean(" ".join(parts))


def _clean(text: str) -> str:
    text = html.unescape(re.sub(r"<[^>]*>", "", text))
    return re.sub(r"[^\S ]+|[\x00-\x1f\x7f-\x9f]+", " ", text)[:_LONGEST_DETAIL]
