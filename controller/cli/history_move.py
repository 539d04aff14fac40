"""`letdown history move`: takes the history from its file into the database that the settings name since."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from controller.cli.command_settings import read_settings
from controller.cli.standard_streams import print_json
from controller.contract.session_record import HistoryError
from controller.history.earlier_file import copy_earlier, delete_file, earlier_file, opened_earlier
from controller.history.history_store import HistoryStore


async def move(config: Path | None, *, keep_file: bool, as_json: bool) -> int:
    """Copy everything, then delete the file. Return 1 where a session there differs: then the file is kept.

    Raise `ValueError` where the settings name no database, else `HistoryError`.
    """
    settings = read_settings(config, named=False)
    path, database = settings.store.history_file, settings.history.database()
    if database is None:
        raise ValueError(f"the history is in {path}; name a database in history.url first (docs/history.md)")
    file = earlier_file(path, database)
    if file is None:
        _print(f"there is no earlier history at {path}", {"added": [], "same": [], "different": []}, as_json=as_json)
        return 0
    async with opened_earlier(file) as source, HistoryStore.opened(path, database) as target:
        done = await copy_earlier(source, target)
        missing = await _ids(source) - await _ids(target)
    if missing:
        raise HistoryError(f"{len(missing)} sessions were erased there meanwhile; {file} is kept")
    result = f"{len(done.added)} moved, {len(done.same)} were there already"
    if done.different:
        result += f"; {len(done.different)} differ there and stay as they are, so {file} is kept"
    elif keep_file:
        result += f"; {file} is kept"
    else:
        delete_file(file)
        result += f"; {file} is deleted"
    _print(result, {"added": done.added, "same": done.same, "different": done.different}, as_json=as_json)
    return 1 if done.different else 0


async def _ids(store: HistoryStore) -> set[str]:
    return {row["id"] for row in await store.read("SELECT id FROM session")}


def _print(result: str, data: dict[str, list[str]], *, as_json: bool) -> None:
    if as_json:
        print_json(data)
    else:
        Console(highlight=False, markup=False).print(result, soft_wrap=True)
