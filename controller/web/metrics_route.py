"""`/metrics` on the page's own port: behind the same access control as everything else."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from controller.contract.exposition import Exposition

METRICS_PATH = "/metrics"


def add_metrics_route(router: APIRouter, exposition: Exposition) -> None:
    """Add the path. It is no part of the API's document: its format is that of Prometheus."""

    @router.get(METRICS_PATH, include_in_schema=False)
    async def metrics() -> Response:
        return Response(await exposition.text(), headers={"content-type": exposition.content_type})
