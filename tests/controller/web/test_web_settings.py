"""The settings of the web page."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.web.web_settings import WebSettings, is_loopback


def test_by_default_only_this_machine_reaches_the_page() -> None:
    settings = WebSettings()
    assert settings.loopback_only
    assert not settings.tls
    assert settings.ingress is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host": "http://localhost"}, "without http://"),
        ({"host": "localhost:8080"}, "without a port"),
        ({"host": "1.2.3"}, "no IP address"),
        ({"host": ""}, "no IP address"),
        ({"port": 70_000}, "65535"),
        ({"certificate": "a.pem"}, "name both"),
        ({"key": "a.pem"}, "name both"),
        ({"allowed_hosts": ["https://a.example/"]}, "without http://"),
        ({"allowed_hosts": ["*"]}, "no IP address"),
        ({"ingress": "homeassistant"}, "172.30.32.2"),
        ({"tokens": "x"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebSettings(**values)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "a.localhost", "::ffff:127.0.0.1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "localhost.example.org", "127.0.0.1.nip.io", ""])
def test_another_machine(host: str) -> None:
    assert not is_loopback(host)
