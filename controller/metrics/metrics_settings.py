"""The owner's settings of the metrics. Imported everywhere; nothing else of this package is, where they are off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from devices.support.confidential import Confidential
from devices.support.hosts import check_host, is_loopback

DEFAULT_PORT = 9464  # where OpenTelemetry's exporter for Prometheus listens, too


class MetricsSettings(Confidential):
    """Metrics for Prometheus, at `/metrics`: of the page where that is on, and of a port of their own.

    `port`: 0 takes a free one. Where there is no page, it is 9464 by default; beside a page, there is only one where
    it is named. `token_file`: a file whose one line is the token that Prometheus sends (`Authorization: Bearer`).
    It is needed where `host` is not this machine alone. The page asks for its own token.
    """

    enabled: bool = Field(False, description="publish them, at `/metrics` of the page")
    host: Annotated[str, AfterValidator(check_host)] = Field(
        "127.0.0.1", description="where a port of their own listens; anywhere but this machine it needs a `token_file`"
    )
    port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="of their own, beside the page; without a page, by default 9464; 0 takes a free one",
    )
    token_file: Path | None = Field(
        None, description="a file whose one line is the token that Prometheus sends, of at least 32 characters"
    )

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        if self.enabled and not self.loopback_only and self.token_file is None:
            raise ValueError("others can reach this host: name a token_file, or leave host at 127.0.0.1")
        return self

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)
