"""What the composition root hands on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from controller.app import assembled
from controller.history.history_store import HistoryStore
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.support.clock import RealClock
from tests.helpers.stores import began

if TYPE_CHECKING:
    from controller.cluster.lease import Lease


@pytest.mark.parametrize("epoch", [7, None])
async def test_the_history_gets_the_epoch_of_the_owner(tmp_path: Path, epoch: int | None) -> None:
    settings = Settings.model_validate({"mqtt": {"embedded_port": 0}, "stations": {"home": {}}})
    clock, lease = RealClock(), None if epoch is None else cast("Lease", SimpleNamespace(epoch=epoch, held=True))
    async with (
        HistoryStore.opened(tmp_path / "history.db") as history,
        assembled(settings, clock, Radio(clock), history=history, lease=lease) as app,
    ):
        app.stream.publish(began("s1"))
        await history.write()
        assert await history.read("SELECT id, epoch FROM session") == [{"id": "s1", "epoch": epoch}]
        owners = await history.read("SELECT station, epoch FROM station_epoch")
        assert owners == ([] if epoch is None else [{"station": "home", "epoch": 7}])
