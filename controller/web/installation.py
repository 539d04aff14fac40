"""What a device needs to put the page on its home screen: the manifest, and a service worker for the files of the page.

The worker keeps no page, no event and no answer to a command. Where the controller does not answer, it shows one page
that says so, and what to do then.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from controller.web.page_templates import PageTemplates

NO_CONTACT_PATH = "/no-contact"
_ICONS = (
    ("icon.svg", "any", "any"),
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)


def add_installation(router: APIRouter, templates: PageTemplates) -> None:
    """Add manifest, worker, and the page for when there is no contact. They are no part of the API's document."""

    @router.get("/manifest.webmanifest", include_in_schema=False)
    async def manifest(request: Request) -> Response:
        content = _manifest(templates, templates.language_of(request))
        return Response(json.dumps(content), media_type="application/manifest+json")

    @router.get(NO_CONTACT_PATH, include_in_schema=False)
    async def no_contact(request: Request) -> Response:
        return templates.render(request, "no_contact.html")

    @router.get("/service-worker.js", include_in_schema=False)
    async def service_worker(request: Request) -> Response:
        # Another one after an update: browsers compare it byte by byte.
        shown = hashlib.sha256(templates.render(request, "no_contact.html").body).hexdigest()[:12]
        files = [templates.asset_path(name) for name in templates.asset_names]
        build = f"{templates.version}-{shown}"
        return templates.render(request, "service_worker.js", media_type="text/javascript", files=files, build=build)


def _manifest(templates: PageTemplates, language: str) -> dict[str, Any]:
    return {
        "id": "./",
        "name": "Letdown",
        "short_name": "Letdown",
        "lang": language,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#141517",
        "theme_color": "#141517",
        "icons": [
            {
                "src": templates.asset_path(name),
                "sizes": sizes,
                "type": "image/svg+xml" if name.endswith(".svg") else "image/png",
                "purpose": purpose,
            }
            for name, sizes, purpose in _ICONS
        ],
    }
