"""What the service begins with: whatever is wrong with its store, it starts, and only a second controller does not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from controller.cli import serve
from controller.cli.person import Person
from controller.cli.serve import ServeOptions
from controller.journal.store import Store
from controller.journal.store_errors import InUseError
from controller.mqtt.instance import this_process
from controller.safety.persistence import PersistenceError
from controller.settings import Settings
from tests.helpers.stores import LEFT

ME = this_process("node", ["home"])


def _no_reload() -> None:
    raise AssertionError("nothing was added")


@pytest.fixture
def began_with(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Let nothing but the store be opened, and note it."""
    stores: list[Store] = []

    @contextlib.asynccontextmanager
    async def assembled(
        settings: object, clock: object, radio: object, store: Store, *_: object, **__: object
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
    async with serve._app(settings, ServeOptions(), ME, Person(), _no_reload):
        (store,) = began_with
        assert (store.problem is None) is well
        refused = contextlib.nullcontext() if well else pytest.raises(PersistenceError, match=f"^the store at {path} ")
        with refused:
            await store.persistence("home").save_starting([LEFT])
    async with serve._app(settings, ServeOptions(), ME, Person(), _no_reload):
        pass  # it was let go of


async def test_it_does_not_start_beside_another_controller(tmp_path: Path, began_with: list[Store]) -> None:
    settings = Settings.model_validate({"store": {"path": tmp_path / "letdown.db"}})
    async with serve._app(settings, ServeOptions(), ME, Person(), _no_reload):
        with pytest.raises(InUseError):
            async with serve._app(settings, ServeOptions(), ME, Person(), _no_reload):
                pass
    assert len(began_with) == 1
