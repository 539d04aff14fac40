"""The commands around a recording: `capture guide`, `capture label`, `capture contribute`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from controller.cli.options import Language, SideName
from controller.cli.process import command

_LABELS = Path("labels.yaml")
LabelsFile = Annotated[Path, typer.Argument(metavar="LABELS", help="The file of labels.")]
Role = Annotated[
    Literal["pump", "warmer", "massager"] | None, typer.Option(help="What it is; without it, you are asked.")
]


@command()
async def capture_guide(
    *,
    role: Role = None,
    out: Annotated[Path, typer.Option(help="Where the labels go: what was done, and when.")] = _LABELS,
    language: Language = None,
) -> None:
    """Say how the phone logs Bluetooth, lead you through the app step by step, and note when each was done."""
    from controller.cli.capture_guide import run_guide
    from controller.cli.line_reader import EndOfInputError
    from controller.cli.recording_settings import words_in
    from controller.cli.terminal.keyboard import Keyboard
    from devices.support.clock import RealClock

    if not Keyboard.available():
        raise ValueError(
            "the guide needs a terminal with a keyboard; without one, note the times yourself and add them with "
            "`letdown capture label`"
        )
    if out.exists():
        raise ValueError(f"{out} is there already: name another file with --out")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"{out} cannot be written: there is no folder {out.resolve().parent}")
    try:
        await run_guide(out, role, words_in(language), RealClock())
    except EndOfInputError:
        raise ValueError("nobody answers any more, so the guide has ended") from None


@command()
async def capture_label(
    file: LabelsFile,
    *,
    at: Annotated[
        str, typer.Option(help="When: 14:03:20, or +SECONDS since it began; for a new file with the day, if not today.")
    ],
    do: Annotated[
        str, typer.Option(help="connect, disconnect, start, adjust, pause, resume, stop, or see: was shown.")
    ],
    role: Annotated[
        Literal["pump", "warmer", "massager"] | None, typer.Option(help="For a new file: what the device is.")
    ] = None,
    phase: Annotated[Literal["stimulation", "expression"] | None, typer.Option()] = None,
    level: Annotated[int | None, typer.Option()] = None,
    vacuum_mmhg: Annotated[float | None, typer.Option()] = None,
    side: Annotated[SideName | None, typer.Option()] = None,
    intensity: Annotated[float | None, typer.Option(help="Strength of a massager, 0 to 1.")] = None,
    celsius: Annotated[float | None, typer.Option(help="The temperature that was set.")] = None,
    battery_percent: Annotated[float | None, typer.Option()] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="Any other NAME=VALUE, such as volume_ml=35; may be given several times.")
    ] = None,
) -> None:
    """Add what was done or shown at a time to a file of labels; a new file is begun with --role."""
    from controller.cli.label_adding import add_label, named_values
    from controller.cli.printing import print_line

    values = {
        "phase": phase,
        "level": level,
        "vacuum_mmhg": vacuum_mmhg,
        "side": side,
        "intensity": intensity,
        "celsius": celsius,
        "battery_percent": battery_percent,
    }
    labels = add_label(file, at, do, {**values, **named_values(value or ())}, role=role)
    print_line(f"{file}: {len(labels.actions)} {'label' if len(labels.actions) == 1 else 'labels'}")


@command()
async def capture_contribute(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The capture; it stays where it is.")],
    *,
    labels: Annotated[Path, typer.Option(help="What was done when.")],
    profile: Annotated[Path, typer.Option(help="Your profile, in YAML.")],
    out: Annotated[Path, typer.Option(help="A new folder for what may be shared.")] = Path("contribution"),
    device: Annotated[int | None, typer.Option(min=1, help="Which device of the capture.")] = None,
    model_name: Annotated[
        str | None, typer.Option(help="The name that every device of this model has; other names are left out.")
    ] = None,
    hide: Annotated[
        list[str] | None, typer.Option(help="A text to be replaced in all values, such as a serial number.")
    ] = None,
    phone: Annotated[str | None, typer.Option(help="Model and system of the phone.")] = None,
    by: Annotated[str | None, typer.Option(help="Who is thanked; it will be public.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: it is your own recording, and may be published.")
    ] = False,
    language: Language = None,
) -> int:
    """Make a folder for a pull request: profile, extract, labels and their story, with nothing personal in it."""
    from controller.cli.contribute_questions import contribute
    from controller.cli.recording_settings import words_in
    from devices.capture.contribution import Story

    words, story = words_in(language), Story(phone, by)
    return await contribute(file, labels, profile, out, device, model_name, story, words, hide=hide or (), yes=yes)
