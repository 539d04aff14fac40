"""Files of the page: read once, and served at addresses that hold a digest of their content, so they never go stale.

Only what was found at the start can be requested: no path leads anywhere else.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from controller.contract.pictures import picture_names, picture_svg
from controller.web.problems import ProblemError
from devices.roles import Side

PREFIX = "/static"
_DRAWN_SIDES = (Side.LEFT, Side.RIGHT)
_IMMUTABLE = "public, max-age=31536000, immutable"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class StaticAssets:
    """All files of some folders. `folders`: by the beginning of the names of their files, such as `pictures/`.

    `made`: contents that are no files, by name.
    """

    def __init__(self, folders: Mapping[str, Path], made: Mapping[str, bytes] | None = None) -> None:
        self._paths: dict[str, str] = {}
        self._contents: dict[str, tuple[bytes, str]] = {}
        for beginning, folder in folders.items():
            for file in sorted(folder.rglob("*")):
                if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts):
                    self._add(beginning + file.relative_to(folder).as_posix(), file.read_bytes())
        for name, content in (made or {}).items():
            self._add(name, content)

    def _add(self, name: str, content: bytes) -> None:
        stem, dot, ending = name.rpartition(".")
        digest = hashlib.sha256(content).hexdigest()[:12]
        path = f"{stem}.{digest}{dot}{ending}" if dot else f"{name}.{digest}"
        kind = _TYPES.get(dot + ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._paths[name] = path
        self._contents[path] = (content, kind)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files."""
        return tuple(self._paths)

    @property
    def version(self) -> str:
        """A digest of all files: another one after an update."""
        return hashlib.sha256("\n".join(sorted(self._paths.values())).encode()).hexdigest()[:12]

    def path(self, name: str) -> str:
        """Return the path of a file, without a leading slash. Raise `KeyError` if there is no such file."""
        return f"{PREFIX.removeprefix('/')}/{self._paths[name]}"

    async def serve(self, request: Request) -> Response:
        """Answer a request for `/static/{path}`."""
        found = self._contents.get(request.path_params["path"])
        if found is None:
            raise ProblemError(404, "there is no such file")
        content, kind = found
        return Response(content, headers={"cache-control": _IMMUTABLE, "content-type": kind})


def drawings() -> dict[str, bytes]:
    """Return the drawings of `config/pictures`, as assets."""
    return {drawing_name(name, side): picture_svg(name, side) for name in picture_names() for side in _DRAWN_SIDES}


def drawing_name(name: str, side: Side | str = Side.LEFT) -> str:
    """Return the name of a drawing among the assets."""
    return f"pictures/{name}-right.svg" if side == Side.RIGHT else f"pictures/{name}.svg"
