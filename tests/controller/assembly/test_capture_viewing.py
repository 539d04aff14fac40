"""The page of an uploaded capture is made in a process of its own, which ends in time, and the file is gone then."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.assembly.capture_viewing import CaptureViewing
from controller.contract.capture_pages import CaptureRefusedError
from tests.helpers.command_line import ROOT

CAPTURE = ROOT / "tests/devices/captures/open-pump/extract.btsnoop"


async def content(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.system
async def test_a_capture_becomes_a_page_and_is_not_kept(tmp_path: Path) -> None:
    data = CAPTURE.read_bytes()
    made = await CaptureViewing().page(content(data[:100], data[100:]), "de")
    assert made.startswith("<!doctype html>")
    assert "Nachrichten eines Bluetooth-Mitschnitts" in made
    assert left_in(tmp_path) == []


@pytest.mark.system
async def test_what_is_no_capture_is_said_without_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(CaptureRefusedError) as error:
        await CaptureViewing().page(content(b"not a capture"), "en")
    assert error.value.problem == "unreadable"
    assert error.value.detail
    assert str(tmp_path) not in error.value.detail


async def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(CaptureRefusedError) as error:
        await CaptureViewing(most_bytes=10).page(content(b"12345678", b"12345678"), "en")
    assert error.value.problem == "large"
    assert left_in(tmp_path) == []


@pytest.mark.system
@pytest.mark.parametrize("most_mib", [10, 20, 30, 40, 60])
async def test_a_file_that_would_take_too_much_memory_is_refused(tmp_path: Path, most_mib: int) -> None:
    with pytest.raises(CaptureRefusedError) as error:
        await CaptureViewing(most_memory_bytes=most_mib << 20).page(content(CAPTURE.read_bytes()), "en")
    assert error.value.problem == "large", error.value.detail
    assert left_in(tmp_path) == []


async def test_an_upload_that_never_ends_is_ended_and_a_second_one_waits_for_its_turn() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    viewing = CaptureViewing(most_seconds=0.1)
    first = asyncio.create_task(viewing.page(endless(), "en"))
    await asyncio.sleep(0)
    with pytest.raises(CaptureRefusedError) as second:
        await viewing.page(content(b"x"), "en")
    assert second.value.problem == "busy"
    with pytest.raises(CaptureRefusedError) as ended:
        await first
    assert ended.value.problem == "slow"
