"""Who sends a request: addresses, names, and what only Home Assistant's ingress may say."""

from __future__ import annotations

import pytest

from controller.web.caller import Caller, caller_of, headers_of, host_of, plain_address
from controller.web.web_settings import WebSettings

INGRESS = WebSettings(host="0.0.0.0", ingress="172.30.32.2")


def caller(peer: str = "172.30.32.2", settings: WebSettings = INGRESS, **headers: str) -> Caller:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return caller_of(headers_of([(b"Host", b"LocalHost:8080"), *raw]), peer, settings)


def test_the_ingress_says_who_it_is_and_where_the_page_is() -> None:
    found = caller(x_ingress_path="/api/hassio_ingress/aB-_9", x_remote_user_id="5f0c", x_forwarded_host="ha.local")
    assert (found.ingress, found.user, found.base_path) == (True, "5f0c", "/api/hassio_ingress/aB-_9")
    assert (found.host, found.authority) == ("localhost", "ha.local")


@pytest.mark.parametrize("peer", ["172.30.32.3", "127.0.0.1", "", "172.30.32.2.evil"])
def test_from_elsewhere_nobody_is_believed(peer: str) -> None:
    found = caller(peer, x_ingress_path="/x", x_remote_user_id="5f0c", x_forwarded_host="ha.local")
    assert (found.ingress, found.user, found.base_path, found.authority) == (False, None, "", "localhost:8080")
    assert not found.direct


def test_an_address_of_ipv4_inside_ipv6_is_that_of_ipv4() -> None:
    assert caller("::ffff:172.30.32.2").ingress
    assert plain_address("fe80::1%eth0") == "fe80::1"


@pytest.mark.parametrize(
    "path",
    ["", "x", "//evil.example", "/../..", "/a/../b", "/a b", "/a\"><script>", "https://evil.example", "/a//b", "/a/",
     "/\\evil", "/" + "x" * 200, "/a" * 7, "/é"],
)  # fmt: skip
def test_a_path_that_could_lead_elsewhere_is_ignored(path: str) -> None:
    assert caller(x_ingress_path=path).base_path == ""


def test_a_client_is_an_address_a_network_of_ipv6_or_a_person() -> None:
    assert caller("192.168.1.9").key == "192.168.1.9"
    assert caller("2001:db8:1:2:3::4").key == caller("2001:db8:1:2:ffff::1").key == "2001:db8:1:2::/64"
    assert caller(x_remote_user_id="5f0c").key == "user 5f0c"


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("localhost:8080", "localhost"),
        ("[::1]:8080", "::1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("[::1", None),
        ("[localhost]", None),
        ("a@b", None),
        ("a:b", None),
        ("a:1:2", None),
        ("a/b", None),
        ("", None),
    ],
)
def test_the_host_of_a_url(authority: str, host: str | None) -> None:
    assert host_of(authority) == host
