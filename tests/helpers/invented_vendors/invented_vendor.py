"""One invented vendor: the truth about its pump as a profile, what that profile cannot say, and how its app is used.

Nothing of it is known to inference, which sees the recording alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from devices.capture.labels import Deed
from devices.driver.vocabulary import Name
from devices.profiles.schema import Profile
from devices.roles import Frozen
from devices.support.yaml_file import load_yaml

Button = Literal["start", "level", "phase", "pause", "resume", "stop"]


class PumpHabits(Frozen):
    """What the pump does that no profile can say.

    `unlocked_by`: the command before which it obeys nothing on a connection. `kept_alive_by`: the command without which
    it stops by itself after `alive_seconds`. `counts_from_ml`: where its milk counter stands.
    """

    battery_percent: float = Field(87, ge=0, le=100)
    unlocked_by: Name | None = None
    kept_alive_by: Name | None = None
    alive_seconds: float = Field(15, gt=0)
    serial: str = "0000000000"
    counts_from_ml: float = Field(0, ge=0)
    encrypted: bool = False


class AppHabits(Frozen):
    """What the app does. `buttons`: the commands that a press sends, where that is not the verb's own.

    `greets_with`: commands after the handshake of each connection; `reads`: characteristics that it reads then.
    `bonded`: it found the services before the recording began, and does not look again. `remembers_levels`: it goes
    back to the level of a phase when that is switched to.
    """

    name: str = Field(min_length=1)
    buttons: Mapping[Button, tuple[Name, ...]] = Field(default_factory=dict)
    greets_with: tuple[Name, ...] = ()
    reads: tuple[Name, ...] = ()
    bonded: bool = False
    remembers_levels: bool = False


class Play(Frozen):
    """What is done with the app while it is recorded: up to which level, and what is shown.

    `mmhg`: what the app calls its levels, where it is set in mmHg. `never`: what its owner never does with the app.
    """

    levels: int = Field(ge=1, le=20)
    mmhg: tuple[float, ...] | None = None
    phases: bool = True
    pauses: bool = True
    shown: tuple[Literal["battery_percent", "volume_ml"], ...] = ("battery_percent",)
    never: tuple[Deed, ...] = ()


class InventedVendor(Frozen):
    """A vendor. `missing`: words that the report on its draft must contain; empty: a session runs with the draft.

    `buffer_bytes`: of the phone's controller, hence of the fragments in the recording.
    """

    family: str = Field(min_length=5)
    missing: tuple[str, ...] = ()
    buffer_bytes: Literal[27, 251] = 251
    pump: PumpHabits = PumpHabits()
    app: AppHabits
    play: Play
    profile: Profile

    @property
    def advertised_name(self) -> str:
        """What its pump advertises."""
        return self.profile.match.name[0].replace("*", "4C1F")


@cache
def invented_vendors() -> Mapping[str, InventedVendor]:
    """Return all invented vendors, by the ids of their profiles."""
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    return {file.stem: load_yaml(file, InventedVendor) for file in files}
