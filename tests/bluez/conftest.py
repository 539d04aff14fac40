"""What the tests in the guest share: one server that starts `letdown` quickly."""

from __future__ import annotations

import os

import pytest

from tests.bluez.forked import Forker
from tests.helpers.command_line import ROOT, environment
from tests.helpers.forked import ForkServer

SERVER = pytest.StashKey[ForkServer]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how often to try what goes wrong seldom."""
    parser.addoption("--quick-disconnects", type=int, default=5, help="how many quick disconnects to try")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server at once, in the guest: it imports `letdown` while pytest looks for tests."""
    if "LETDOWN_TEST_GUEST" in os.environ:
        config.stash[SERVER] = ForkServer(cwd=ROOT, env=environment())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.end()


@pytest.fixture(scope="module")
def forker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Forker:
    """Start `letdown` in the tests' own folder."""
    return Forker(request.config.stash[SERVER], tmp_path_factory.mktemp("house"))
