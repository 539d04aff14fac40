"""The shared settings in the cluster: the document of the stations with its versions, and where stations should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js.errors import InvalidKeyError, KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError

from controller.cluster.cluster_connection import KeyValue
from controller.cluster.cluster_error import ClusterError
from controller.cluster.followed import Entry
from controller.fleet.fleet_document import read_fleet_document

STATIONS = "stations"
_DRAIN, _ASSIGN = "drain.", "assign."


@dataclass(frozen=True)
class Version:
    """A version of the document. `revision`: rises with each one. `written_at`: by the clock of the cluster."""

    revision: int
    written_at: datetime
    text: str


async def versions(bucket: KeyValue) -> list[Version]:
    """Return the versions of the document that are kept, the oldest first."""
    try:
        entries = await bucket.history(STATIONS)
    except NoKeysError:
        return []
    return [
        Version(each.revision or 0, _time(each.created), (each.value or b"").decode(errors="replace"))
        for each in entries
        if each.operation is None
    ]


async def latest(bucket: KeyValue) -> Version | None:
    """Return the version that the nodes use; `None`: each uses its own settings."""
    found = await versions(bucket)
    return found[-1] if found else None


async def apply(bucket: KeyValue, text: str, name: str, follows: int) -> int:
    """Make a document the latest version, if that is still the one of revision `follows` (0: none). Return its own.

    Raise `FileError` where it is not valid, and `ClusterError` where another administrator has changed it meanwhile.
    """
    read_fleet_document(text, name)
    try:
        return await bucket.update(STATIONS, text.encode(), last=follows)
    except KeyWrongLastSequenceError:
        raise ClusterError("the shared document was changed meanwhile: look at the difference once more") from None


async def rolled_back(bucket: KeyValue, revision: int | None) -> Version:
    """Make an earlier version the latest once more; by default the one before. Return what is used from now on.

    Raise `ClusterError` where there is no such version.
    """
    found = await versions(bucket)
    earlier = [each for each in found if each.revision == revision] if revision is not None else found[-2:-1]
    if not earlier:
        kept = ", ".join(str(each.revision) for each in found) or "none"
        raise ClusterError(f"there is no such earlier version of the shared document; there are {kept}")
    new = await apply(bucket, earlier[0].text, f"version {earlier[0].revision}", found[-1].revision)
    return Version(new, datetime.now(UTC), earlier[0].text)


async def drain(bucket: KeyValue, node: str) -> None:
    """Let a node take no more stations, and release each when its session ends; also after a restart."""
    await bucket.put(_DRAIN + node, b"1")


async def undrain(bucket: KeyValue, node: str) -> None:
    """Let a node take stations again."""
    await _delete(bucket, _DRAIN + node)


async def drained(bucket: KeyValue, node: str) -> bool:
    """Return whether a node is to be drained, whether it is there or not."""
    return await _has(bucket, _DRAIN + node)


async def assign(bucket: KeyValue, unit: str, node: str | None) -> None:
    """Prefer a node for a unit, as long as it is in range; `None`: the one with the best reception."""
    if node is None:
        await _delete(bucket, _ASSIGN + unit)
    else:
        await bucket.put(_ASSIGN + unit, node.encode())


async def _delete(bucket: KeyValue, key: str) -> None:
    if await _has(bucket, key):
        await bucket.delete(key)


async def _has(bucket: KeyValue, key: str) -> bool:
    try:
        await bucket.get(key)
    except (KeyNotFoundError, InvalidKeyError):
        return False
    return True


def is_draining(entries: Mapping[str, Entry], node: str) -> bool:
    """Return whether a node is to be drained, by the entries of the bucket."""
    return _DRAIN + node in entries


def assigned(entries: Mapping[str, Entry], unit: str) -> str | None:
    """Return the node that is preferred for a unit; `None`: none is."""
    entry = entries.get(_ASSIGN + unit)
    return None if entry is None else entry.value.decode(errors="replace")


def _time(created: object) -> datetime:
    """Return a time of nats-py, which gives either a `datetime` or nanoseconds."""
    if isinstance(created, datetime):
        return created
    return datetime.fromtimestamp(created / 1e9 if isinstance(created, int) else 0.0, UTC)
