"""What the service begins with: whatever is wrong with its store, it starts, and only a second controller does not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from controller import serve
from controller.memory import NotKeptError
from controller.mqtt.instance import this_process
from controller.serve import ServeOptions
from controller.settings import Settings
from controller.store.errors import InUseError
from controller.store.store import Store
from tests.controller.store.test_memory import LEFT

ME = this_process("node", ["home"])


@pytest.fixture
def began_with(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Let nothing but the store be opened, and note it."""
    stores: list[Store] = []

    @contextlib.asynccontextmanager
    async def assembled(
        settings: object, clock: object, radio: object, store: Store, **_: object
    ) -> AsyncIterator[None]:
        stores.append(store)
        yield

    monkeypatch.setattr(serve, "assembled", assembled)
    return stores


def nothing(path: Path) -> None:
    """Leave it: there is no file."""


def a_folder(path: Path) -> None:
    path.mkdir()


def a_text(path: Path) -> None:
    path.write_text("once upon a time\n" * 500, encoding="utf-8")


@pytest.mark.parametrize(("place", "well"), [(nothing, True), (a_folder, False), (a_text, False)])
async def test_it_starts_whatever_is_wrong_with_its_store(
    tmp_path: Path, began_with: list[Store], place: Callable[[Path], None], well: bool
) -> None:
    path = tmp_path / "letdown.db"
    place(path)
    settings = Settings.model_validate({"store": {"path": path}})
    async with serve._app(settings, ServeOptions(), ME):
        (store,) = began_with
        assert (store.trouble is None) is well
        refused = contextlib.nullcontext() if well else pytest.raises(NotKeptError, match=f"^the store at {path} ")
        with refused:
            await store.memory("home").starting([LEFT])
    async with serve._app(settings, ServeOptions(), ME):
        pass  # it was let go of


async def test_it_does_not_start_beside_another_controller(tmp_path: Path, began_with: list[Store]) -> None:
    settings = Settings.model_validate({"store": {"path": tmp_path / "letdown.db"}})
    async with serve._app(settings, ServeOptions(), ME):
        with pytest.raises(InUseError):
            async with serve._app(settings, ServeOptions(), ME):
                pass
    assert len(began_with) == 1
