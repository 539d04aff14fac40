"""Instances of the controller: how each identifies itself, whether two conflict, and which one yields."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.mqtt.topics import check_name

# Anyone may publish to the broker, and these texts are shown, logged, and used in topics.
_Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_Name = Annotated[_Text, AfterValidator(check_name)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where a clock without battery starts


class Instance(BaseModel):
    """One running controller. `instance` is random, and new with each start; `since`: when it was started.

    `take_over`: it was started with `--take-over`, and takes precedence over earlier ones.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer version may have more fields

    instance: _Text = Field(description="Random, and new with each start.")
    node: _Name = Field(description="The controller, as named in the settings.")
    stations: tuple[_Name, ...] = Field(max_length=1000, description="The stations that it serves.")
    host: _Text = Field(description="The name of the machine.")
    since: AwareDatetime = Field(ge=_EPOCH, le=_EPOCH.replace(year=9000), description="When it was started.")
    take_over: bool = Field(False, description="It was started with `--take-over`.")

    def __str__(self) -> str:
        since = self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"the node {self.node} on the host {self.host}, running since {since}"


def this_process(node: str, stations: Iterable[str], *, take_over: bool = False) -> Instance:
    """Return a new instance for this process."""
    return Instance(
        instance=uuid.uuid4().hex,
        node=node,
        stations=tuple(stations),
        host=socket.gethostname() or "unknown",
        since=datetime.now(UTC),
        take_over=take_over,
    )


def read_instance(payload: bytes) -> Instance | None:
    """Return the instance in a payload; `None` if there is none."""
    try:
        return Instance.model_validate_json(payload)
    except ValidationError:
        return None


def conflict(mine: Instance, other: Instance) -> str | None:
    """Return in words what two controllers both claim; `None` if they are the same one, or do not conflict."""
    if other.instance == mine.instance:
        return None
    stations = [station for station in mine.stations if station in other.stations]
    if stations:
        return f"the station{'s' if len(stations) > 1 else ''} {', '.join(stations)}"
    return f"the node {mine.node}" if other.node == mine.node else None


def yields_to(mine: Instance, other: Instance) -> bool:
    """Return whether a controller yields to another one: the later one does, unless it takes over."""
    return _rank(mine) > _rank(other)


def _rank(each: Instance) -> tuple[bool, float, str]:
    started = each.since.timestamp()
    return not each.take_over, -started if each.take_over else started, each.instance


def refusal(mine: Instance, other: Instance) -> str:
    """Return why a controller does not start beside another one, and the remedy."""
    return (
        f"another controller already serves {conflict(mine, other)}: {other}. End that one, give this one another "
        "mqtt.node and its stations other names, or run with --take-over"
    )
