"""Which controller is which: how each names itself, whether two collide, and which of two gives way. Sends nothing."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.mqtt.topics import check_name

# Anyone may write to the broker, and what comes from there is shown to people, logged, and put into topics.
_Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_Name = Annotated[_Text, AfterValidator(check_name)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where the clock of a machine begins that has lost the time


def _plausible(since: datetime) -> datetime:
    if not _EPOCH <= since <= _EPOCH.replace(year=9000):
        raise ValueError("is no time at which a controller can have been started")
    return since


class Instance(BaseModel):
    """One running controller. `instance` is random, and another one after each start; `since` is when it was started.

    `take_over`: it was started with `--take-over`, and goes before those that were there.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer version may tell more

    instance: _Text
    node: _Name
    stations: tuple[_Name, ...] = Field(max_length=1000)
    host: _Text
    since: Annotated[AwareDatetime, AfterValidator(_plausible)]
    take_over: bool = False

    def __str__(self) -> str:
        since = self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"the node {self.node} on the host {self.host}, running since {since}"


def this_process(node: str, stations: Iterable[str], *, take_over: bool = False) -> Instance:
    """Return the instance of a controller that starts now."""
    return Instance(
        instance=uuid.uuid4().hex,
        node=node,
        stations=tuple(stations),
        host=socket.gethostname() or "unknown",
        since=datetime.now(UTC),
        take_over=take_over,
    )


def read_instance(payload: bytes) -> Instance | None:
    """Return what a controller tells of itself; `None` where a payload is nothing of the kind."""
    try:
        return Instance.model_validate_json(payload)
    except ValidationError:
        return None


def shared(mine: Instance, other: Instance) -> str | None:
    """Return in words what two controllers both claim; `None` where they are the same, or do not collide."""
    if other.instance == mine.instance:
        return None
    stations = [station for station in mine.stations if station in other.stations]
    if stations:
        return f"the station{'s' if len(stations) > 1 else ''} {', '.join(stations)}"
    return f"the node {mine.node}" if other.node == mine.node else None


def gives_way(mine: Instance, other: Instance) -> bool:
    """Say whether the first of two controllers gives way to the second: the later one does, unless it takes over."""
    return _rank(mine) > _rank(other)


def _rank(each: Instance) -> tuple[bool, float, str]:
    started = each.since.timestamp()
    return not each.take_over, -started if each.take_over else started, each.instance


def refusal(mine: Instance, other: Instance) -> str:
    """Return why a controller does not start beside another one, and what to do."""
    return (
        f"another controller already serves {shared(mine, other)}: {other}. End that one, give this one another "
        "mqtt.node and its stations other names, or run with --take-over"
    )
