"""A server with the rules of Baby Buddy's API for pumping entries, and switches for what goes wrong on the way.

Written after Baby Buddy 2.10 (BSD 2-Clause, https://github.com/babybuddy/babybuddy): `core/models.py` (`Pumping.clean`,
`validate_time`, `validate_duration`, `validate_unique_period`), `api/serializers.py` (`PumpingSerializer`),
`api/filters.py` (`StartEndFieldFilter`), `api/views.py`, `api/permissions.py`, and the answers of a real one.
`tests/controller/history/baby_buddy/test_rules.py` holds both to the same cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import urllib.parse
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

TOKEN = "7d1c0f9e5ab34c2e8f1a6b3d9c0e2f4a5b6c7d8e"
CHILD, SLUG = 1, "mia-smith"


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    content: Any = None  # JSON, or bytes as they are
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.content is None else json.dumps(self.content).encode()


@dataclass
class BabyBuddyServer:
    """The entries, and how the server is. `before`: answers in its place, if it returns something.

    `after`: called with the answer when the request was carried out; what it raises, the client gets.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    token: str = TOKEN
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], Answer | None] = lambda method, path: None
    after: Callable[[str, str], None] = lambda method, path: None
    next_id: int = 1

    def handle(self, method: str, path: str, query: dict[str, str], token: str, body: bytes) -> Answer:
        """Carry out a request. `path`: below `/api/`."""
        self.requests.append((method, path))
        if (instead := self.before(method, path)) is not None:
            return instead
        answer = self._handle(method, path.strip("/").split("/"), query, token, body)
        self.after(method, path)
        return answer

    def _handle(  # noqa: PLR0911 - a table
        self, method: str, path: list[str], query: dict[str, str], token: str, body: bytes
    ) -> Answer:
        if token != f"Token {self.token}":
            return Answer(
                403, {"detail": "Invalid token." if token else "Authentication credentials were not provided."}
            )
        content: Any = None
        if body:
            try:
                content = json.loads(body)
            except ValueError:
                return Answer(400, {"detail": "JSON parse error"})
        match method, path:
            case "GET", ["children"]:
                child = {"id": CHILD, "first_name": "Mia", "last_name": "Smith", "slug": SLUG}
                return Answer(200, {"count": 1, "next": None, "previous": None, "results": [child]})
            case "GET", ["children", slug]:
                if slug == SLUG:
                    return Answer(200, {"id": CHILD, "first_name": "Mia", "last_name": "Smith", "slug": SLUG})
                return Answer(404, {"detail": "No Child matches the given query."})
            case "GET", ["pumping"]:
                return self._list(query)
            case "POST", ["pumping"]:
                return self._save(content, None)
            case _, ["pumping", number] if number.isdigit():
                return self._one(method, int(number), content)
            case _, ["pumping"]:
                return Answer(405, {"detail": f'Method "{method}" not allowed.'})
            case _:
                return Answer(404, b"<!DOCTYPE html><title>404</title>")

    def _one(self, method: str, number: int, content: Any) -> Answer:
        if number not in self.entries:
            return Answer(404, {"detail": "No Pumping matches the given query."})
        match method:
            case "GET":
                return Answer(200, self.entries[number])
            case "PATCH":
                return self._save(content, number)
            case "DELETE":
                del self.entries[number]
                return Answer(204)
            case _:
                return Answer(405, {"detail": f'Method "{method}" not allowed.'})

    def _list(self, query: dict[str, str]) -> Answer:
        found = list(self.entries.values())
        if (child := query.get("child")) is not None:
            if child != str(CHILD):
                words = "Select a valid choice. That choice is not one of the available choices."
                return Answer(400, {"child": [words]})
            found = [each for each in found if each["child"] == CHILD]
        for name, keeps in (("start_min", lambda at, least: at >= least), ("start_max", lambda at, most: at <= most)):
            if name in query:
                try:
                    bound = datetime.fromisoformat(query[name])
                except ValueError:
                    return Answer(400, {name: ["Enter a valid date/time."]})
                found = [each for each in found if keeps(datetime.fromisoformat(each["start"]), bound)]
        found.sort(key=lambda each: datetime.fromisoformat(each["start"]), reverse=True)
        shown = found[: int(query.get("limit", 100))]
        return Answer(200, {"count": len(found), "next": None, "previous": None, "results": shown})

    def _save(self, content: Any, number: int | None) -> Answer:
        fields = dict(self.entries.get(number or 0, {})) | (content if isinstance(content, dict) else {})
        if problems := _invalid(fields):
            return Answer(400, problems)
        start, end = (datetime.fromisoformat(fields[name]) for name in ("start", "end"))
        if start > self.now():
            return Answer(400, {"start": ["Date/time can not be in the future."]})
        if start > end:
            return Answer(400, {"non_field_errors": ["Start time must come before end time."]})
        if end - start > timedelta(hours=24):
            return Answer(400, {"non_field_errors": ["Duration too long."]})
        for other in self.entries.values():
            from_, until = (datetime.fromisoformat(other[name]) for name in ("start", "end"))
            if other["id"] != number and other["child"] == fields["child"] and from_ < end and until > start:
                link = f'<a href="/pumping/{other["id"]}/">Pumping (11/29/2026 2:30 a.m. - 11/29/2026 2:55 a.m.)</a>'
                words = f"Another entry intersects the specified time period. Conflicting entry: {link}"
                return Answer(400, {"non_field_errors": [words]})
        status = 200
        if number is None:
            status, number, self.next_id = 201, self.next_id, self.next_id + 1
        known = {name: fields.get(name) for name in ("child", "amount", "start", "end", "notes")}
        self.entries[number] = {
            "id": number,
            **known,
            "amount": float(fields["amount"]),
            "start": _as_text(start),
            "end": _as_text(end),
            "duration": str(end - start),
            "tags": list(fields.get("tags") or []),
        }
        return Answer(status, self.entries[number])

    # -- ways to reach it ---------------------------------------------------------------------------------------------

    def transport(self) -> httpx.MockTransport:
        """Return it in place of the network."""

        async def answer(request: httpx.Request) -> httpx.Response:
            found = self.handle(
                request.method,
                request.url.path.split("/api/", 1)[-1],
                dict(request.url.params),
                request.headers.get("authorization", ""),
                request.content,
            )
            return httpx.Response(found.status, headers=found.headers, stream=httpx.ByteStream(found.body))

        return httpx.MockTransport(answer)

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve it on this machine; the address is in the block."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                url = urllib.parse.urlsplit(target)
                query = dict(urllib.parse.parse_qsl(url.query))
                path = url.path.split("/api/", 1)[-1]
                found = self.handle(method, path, query, headers.get("authorization", ""), body)
                lines = [f"HTTP/1.1 {found.status} -", f"content-length: {len(found.body)}", "connection: close"]
                lines += [f"{name}: {value}" for name, value in found.headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + found.body)
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def _invalid(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Return what Baby Buddy's serializer finds wrong with the fields."""
    found: dict[str, list[str]] = {}
    for name in ("child", "amount", "start", "end"):
        if fields.get(name) is None:
            found[name] = ["This field is required."]
    if "amount" not in found and not _is_number(fields["amount"]):
        found["amount"] = ["A valid number is required."]
    if "child" not in found and fields["child"] != CHILD:
        found["child"] = [f'Invalid pk "{fields["child"]}" - object does not exist.']
    for name in ("start", "end"):
        if name not in found:
            try:
                datetime.fromisoformat(fields[name])
            except (TypeError, ValueError):
                found[name] = ["Datetime has wrong format."]
    return found


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _as_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
