"""What the mirror of the owners' keys has lost is taken from what was heard, and nothing else is."""

from __future__ import annotations

from typing import Any

from tests.fleet.made_records import delete, put
from tests.fleet.ownership_record import complete, unknown


def change(revision: int, of: dict[str, Any] | None = None) -> dict[str, Any]:
    return (of or put(float(revision))) | {"revision": revision}


def test_what_the_mirror_lost_comes_from_what_was_heard_in_its_place() -> None:
    stored = [change(1), change(2), change(5)]
    heard = [change(2) | {"at": 2.5}, change(3, delete(3.0)), change(4) | {"node": "c2"}]
    assert complete(stored, heard) == [change(1), change(2), change(3, delete(3.0)), heard[2], change(5)]


def test_what_nobody_knows_is_counted() -> None:
    assert unknown([]) == 0
    assert unknown([change(4), change(5)]) == 0
    assert unknown([change(4), change(7), change(9)]) == 3
