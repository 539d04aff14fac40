"""What a controller publishes about itself: stations, devices, routines, questions, languages, versions. No secrets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devices.roles import Capability, Frozen, Side

# The version of the topics and their JSON. The first number changes when something is removed, renamed or means
# something else; the second one when something is added.
CONTRACT_VERSION = "1.1"

RoleName = Literal["pump", "warmer", "massager", "scale", "button", "thermometer"]


class AboutDevice(Frozen):
    """A device of a station. Its state is in a topic of its own."""

    name: str = Field(description="The device, as named in the settings.")
    role: RoleName = Field(
        description="What it is: a pump, a warm compress, a massager, a scale, a button, or a thermometer."
    )
    model: str = Field(description="The model, as its maker calls it.")
    profile: str = Field(description="The id of the model's profile.")
    confidence: Literal["verified", "unverified"] = Field(
        description="Whether somebody has tried the profile on real hardware."
    )
    side: Side = Field(description="The breast that it serves.")
    capabilities: tuple[Capability, ...] = Field(description="What it can do and report.")


class AboutStation(Frozen):
    """A station."""

    name: str = Field(description="The station, as named in the settings and in topics.")
    body: str = Field(description="Stations with the same body serve one person, and share limits and answers.")
    devices: tuple[AboutDevice, ...] = Field(description="Its devices.")


class AboutRoutine(Frozen):
    """A routine that can be started."""

    id: str = Field(description="The id, for `start`.")
    name: dict[str, str] = Field(description="Its name, by language.")
    summary: dict[str, str] = Field(description="One or two sentences, by language.")
    steps: tuple[str, ...] = Field(description="The kinds of its steps, in order.")
    longest_seconds: float = Field(description="At most, for both breasts, without questions and pauses.")
    uses: tuple[RoleName, ...] = Field(description="Roles that it uses if they are there; else the step is by hand.")
    needs: tuple[RoleName, ...] = Field(description="Roles without which it does not start.")
    off: str | None = Field(description="The setting that the owner has to turn on first; `null`: it can be started.")


class AboutQuestion(Frozen):
    """A question of the check at the start of every routine. Asked once a day."""

    id: str = Field(description="The id, for `answer`.")
    text: dict[str, str] = Field(description="The question, by language.")
    if_yes: dict[str, str] = Field(description="What a yes means for the day, by language.")


class About(Frozen):
    """A controller, and what it can do. Changes with its settings alone."""

    contract_version: str = Field(description="The version of these topics and their JSON.")
    letdown_version: str = Field(description="The version of the program.")
    node: str = Field(description="The controller, as named in the settings.")
    language: str = Field(description="The language of `guide`.")
    languages: tuple[str, ...] = Field(description="All languages that there are.")
    stations: tuple[AboutStation, ...] = Field(description="Its stations.")
    routines: tuple[AboutRoutine, ...] = Field(description="The routines, of all stations.")
    questions: tuple[AboutQuestion, ...] = Field(description="The questions, in their order.")
    answer_seconds: float = Field(description="How long the questions wait; then the session ends.")
    pause_seconds: float = Field(description="How long a pause may be; then the session ends.")
    vacuum_step_mmhg: float = Field(description="How much `vacuum_up` and `vacuum_down` change.")
    remote_raise: bool = Field(description="Whether commands may raise a vacuum; lowering always works.")
    recent_sessions: bool = Field(description="Whether `recent_sessions` is published.")
    history: bool = Field(False, description="Whether `history` is published.")
